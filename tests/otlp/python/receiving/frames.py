"""Reads along a client's half of an HTTP/2 connection: what a gRPC library does not tell.

That is the headers as they were sent, and how long the message was before it was decompressed.
Nothing is changed, and nothing judged; the gRPC server behind does that.
"""

import gzip
import zlib
from dataclasses import dataclass, field

import hpack

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, CONTINUATION = 0, 1, 9
END_STREAM, END_HEADERS, PADDED, PRIORITY = 0x1, 0x4, 0x8, 0x20


@dataclass
class Call:
    """One stream: headers, and the message with its five bytes of prefix."""

    headers: list = field(default_factory=list)
    data: bytearray = field(default_factory=bytearray)

    @property
    def path(self):
        return dict(self.headers).get(":path")

    @property
    def wanted(self):
        """How long the message is to be with its prefix, once that is known."""
        return 5 + int.from_bytes(self.data[1:5], "big") if len(self.data) >= 5 else None

    @property
    def is_complete(self):
        return self.wanted is not None and len(self.data) >= self.wanted

    @property
    def is_compressed(self):
        return bool(self.data[:1] == b"\x01")

    def message(self):
        """As the server sees it; none where it cannot be decompressed."""
        body = bytes(self.data[5 : self.wanted])
        if not self.is_compressed:
            return body
        try:
            return gzip.decompress(body)
        except (OSError, EOFError, zlib.error):
            return None


class Frames:
    """Feeds on the client's bytes; `began` is called with each call whose body begins, and
    `ended` with each whose message is whole."""

    def __init__(self, began, ended):
        self._began, self._ended = began, ended
        self._buffer = bytearray()
        self._preface = False
        self._decoder = hpack.Decoder()
        self._block = bytearray()
        self._calls = {}

    def feed(self, data):
        self._buffer += data
        if not self._preface:
            if len(self._buffer) < len(PREFACE):
                return
            if not self._buffer.startswith(PREFACE):
                raise ValueError("the client does not speak HTTP/2")
            del self._buffer[: len(PREFACE)]
            self._preface = True
        while len(self._buffer) >= 9:
            length = int.from_bytes(self._buffer[:3], "big")
            if len(self._buffer) < 9 + length:
                return
            kind, flags = self._buffer[3], self._buffer[4]
            stream = int.from_bytes(self._buffer[5:9], "big") & 0x7FFFFFFF
            payload = bytes(self._buffer[9 : 9 + length])
            del self._buffer[: 9 + length]
            self._frame(kind, flags, stream, payload)

    def _frame(self, kind, flags, stream, payload):
        if kind in (DATA, HEADERS) and flags & PADDED:
            payload = payload[1 : len(payload) - payload[0]]
        if kind == HEADERS and flags & PRIORITY:
            payload = payload[5:]
        if kind in (HEADERS, CONTINUATION):
            self._block += payload
            if flags & END_HEADERS:
                call = self._calls.setdefault(stream, Call())
                call.headers += self._decoder.decode(bytes(self._block))
                self._block.clear()
        elif kind == DATA and stream in self._calls:
            call = self._calls[stream]
            is_first, was_complete = not call.data, call.is_complete
            call.data += payload
            if is_first and call.data:
                self._began(call)
            if call.is_complete and not was_complete:
                self._ended(call)
        if flags & END_STREAM and kind in (DATA, HEADERS) and not self._block:
            self._calls.pop(stream, None)
