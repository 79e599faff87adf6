"""OTLP over HTTP/1.1."""

import email.utils
import gzip
import http.server
import math
import time
import zlib

from google.rpc.status_pb2 import Status

from .signals import SIGNALS

PROTOBUF = "application/x-protobuf"
# More than a request of any test has.
MOST = 256 << 20


class Handler(http.server.BaseHTTPRequestHandler):
    """The requests of one connection, one after the other."""

    protocol_version = "HTTP/1.1"
    server_version = "receiver"
    sys_version = ""

    def __init__(self, connection, receiver):
        self.link = connection
        self.receiver = receiver
        super().__init__(connection.socket, ("", 0), None)

    def log_message(self, *_):
        pass

    def do_POST(self):
        arrived = time.monotonic()
        signal = self.receiver.paths.get(self.path)
        if signal is None:
            self._not_served(404, f"nothing is served at {self.path}")
            return
        script = self.receiver.script
        if entry := script.next_if("reset"):
            self._reset(entry, signal)
            return
        wire = self._read_body()
        entry = script.next()
        body, said = self._decoded(wire)
        said = self._check_head() + said
        message = None
        if body is not None:
            message, wrong = signal.decode(body)
            said += wrong
        self.receiver.recorder.request(
            body,
            message,
            arrived=arrived,
            transport="http",
            connection=self.link.number,
            client=self.link.client,
            signal=signal.name,
            path=self.path,
            headers=self._headers(),
            encoding=self.headers.get("content-encoding"),
            wire_bytes=len(wire),
            bytes=None if body is None else len(body),
            points=None if message is None else signal.count(message),
            behaviour=entry,
            errors=said,
        )
        self._answer(entry, signal, said)

    def do_GET(self):
        self._not_served(405, f"{self.command} is not POST")

    do_HEAD = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = do_GET

    def _headers(self):
        found = {}
        for name, value in self.headers.items():
            name = name.lower()
            found[name] = f"{found[name]}, {value}" if name in found else value
        return found

    def _not_served(self, status, why):
        about = {"transport": "http", "connection": self.link.number, "path": self.path}
        self.receiver.recorder.event(
            "not_served", status=status, error=why, headers=self._headers(), **about
        )
        self.close_connection = True
        self._send(status, why.encode(), "text/plain")

    def _read_body(self):
        if self.headers.get("transfer-encoding", "").lower() == "chunked":
            return b"".join(self._chunks())
        return self.rfile.read(min(int(self.headers.get("content-length", 0)), MOST))

    def _chunks(self):
        while size := int(self.rfile.readline().split(b";")[0], 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass

    def _check_head(self):
        said = []
        found = self.headers.get("content-type")
        if found != PROTOBUF:
            said.append(f"content-type {found!r}, not {PROTOBUF!r}")
        for name in ("user-agent", "host"):
            if not self.headers.get(name):
                said.append(f"no {name}")
        if (
            len(self.headers.get_all("content-length", []))
            + len(self.headers.get_all("transfer-encoding", []))
            != 1
        ):
            said.append("neither or both of content-length and transfer-encoding")
        if self.request_version != "HTTP/1.1":
            said.append(f"version {self.request_version}")
        return said

    def _decoded(self, wire):
        """The body, or none, without its compression."""
        encoding = self.headers.get("content-encoding", "identity")
        if encoding == "identity":
            return wire, []
        if encoding != "gzip":
            return None, [f"content-encoding {encoding!r}"]
        try:
            return gzip.decompress(wire), []
        except (OSError, EOFError, zlib.error) as error:
            return None, [f"body is not gzip: {error}"]

    def _answer(self, entry, signal, said):
        do = entry["do"]
        if do in ("hang", "slow"):
            began = time.monotonic()
            if do == "hang":
                self.link.wait_for_end()
                self.receiver.gave_up(self.link, began)
                self.close_connection = True
                return
            self.receiver.stopping.wait(entry["seconds"])
        if do == "close":
            self.close_connection = True
            self.link.close()
        elif do == "reset":
            # Another request came between, so that this one was read to its end.
            self.close_connection = True
            self.link.reset()
        elif do == "fail":
            self._fail(entry)
        elif do == "huge":
            self._huge(entry, signal)
        elif do == "garbage":
            self._send(200, b"\xff" * 64)
        elif said:
            self._send(400, Status(code=3, message="; ".join(said)).SerializeToString())
        elif do == "partial":
            self._send(200, signal.accepted(entry.get("rejected", 0), entry.get("message", "")))
        else:
            self._send(200, signal.accepted())

    def _fail(self, entry):
        headers = dict(entry.get("headers", {}))
        if (after := entry.get("retry_after")) is not None:
            if entry.get("retry_date"):
                after = email.utils.formatdate(math.ceil(time.time() + after), usegmt=True)
            headers["Retry-After"] = str(after)
        status = entry.get("status", 503)
        body = Status(message=entry.get("message", "as the script says")).SerializeToString()
        self._send(status, body, headers=headers)

    def _huge(self, entry, signal):
        """A valid answer, of one long message, as far as the client reads it."""
        size = entry.get("bytes", 64 << 20)
        answer = signal.accepted(0, "x" * size)
        self._begin(200, len(answer))
        sent = 0
        try:
            for at in range(0, len(answer), 65536):
                sent += self.connection.send(answer[at : at + 65536])
        finally:
            self.receiver.recorder.event(
                "huge_answer",
                connection=self.link.number,
                transport="http",
                sent=sent,
                of=len(answer),
            )

    def _reset(self, entry, signal):
        """Half of the body is read, so that the client may still be writing."""
        length = int(self.headers.get("content-length", 2))
        wanted = entry.get("after", length // 2)
        read = len(self.rfile.read(min(wanted, length)))
        self.receiver.recorder.event(
            "reset",
            transport="http",
            connection=self.link.number,
            signal=signal.name,
            headers=self._headers(),
            read=read,
            behaviour=entry,
        )
        self.close_connection = True
        self.link.reset()

    def _begin(self, status, length, kind=PROTOBUF, headers=()):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(length))
        for name, value in dict(headers).items():
            self.send_header(name, value)
        self.end_headers()

    def _send(self, status, body, kind=PROTOBUF, headers=()):
        self._begin(status, len(body), kind, headers)
        if self.command != "HEAD":
            self.wfile.write(body)


def paths(metrics, logs, traces):
    """Signals by the paths that they are served at."""
    return dict(zip((metrics, logs, traces), SIGNALS))
