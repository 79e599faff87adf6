"""What stands before the gRPC server: TLS, resets, and a look at the bytes that pass."""

import select
import socket
import ssl
import threading
import time

from .frames import Frames


class Front:
    """Carries bytes between clients and the server, which listens behind it."""

    def __init__(self, receiver, inner_port):
        self._receiver = receiver
        self._inner_port = inner_port
        self._lock = threading.Lock()
        # By the port that the server sees as its peer's.
        self._passages = {}

    def serve(self, connection):
        inner = socket.create_connection(("127.0.0.1", self._inner_port))
        inner.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        passage = Passage(connection, self._receiver)
        port = inner.getsockname()[1]
        with self._lock:
            self._passages[port] = passage
        try:
            passage.carry(inner)
        finally:
            inner.close()
            with self._lock:
                self._passages.pop(port, None)

    def passage(self, port):
        """The connection that the server knows by that port; none if it is gone already."""
        with self._lock:
            return self._passages.get(port)


class Passage:
    """One client's connection."""

    def __init__(self, connection, receiver):
        self.connection = connection
        self._receiver = receiver
        self._lock = threading.Lock()
        self._whole = []

    def take(self, message):
        """The call that brought this message."""
        with self._lock:
            for at, (_, call, body) in enumerate(self._whole):
                if body == message:
                    return self._whole.pop(at)[:2]
        return None

    def carry(self, inner):
        outer = self.connection.socket
        frames = Frames(self._began, self._ended)
        # One thread for both ways, because a TLS socket must not be used by two. What is on its
        # way waits here for a client that does not read, and is not read from the server then.
        outer.setblocking(False)
        pending = b""
        while True:
            writes = [outer] if pending else []
            reads = [outer] if pending else [outer, inner]
            ready = [outer] if _has_pending(outer) else []
            can_read, can_write, _ = select.select(reads, writes, [], 0 if ready else None)
            if outer in can_read or ready:
                data = _receive(outer)
                if data == b"":
                    return
                if data:
                    frames.feed(data)
                    inner.sendall(data)
            if inner in can_read:
                pending = inner.recv(65536)
                if not pending:
                    return
            if pending and (can_write or inner in can_read):
                pending = pending[_send(outer, pending) :]

    def _began(self, call):
        if entry := self._receiver.script.next_if("reset"):
            about = {"transport": "grpc", "connection": self.connection.number}
            self._receiver.recorder.event(
                "reset",
                path=call.path,
                headers=headers(call),
                read=len(call.data),
                behaviour=entry,
                **about,
            )
            self.connection.reset()
            raise ConnectionResetError

    def _ended(self, call):
        with self._lock:
            self._whole.append((time.monotonic(), call, call.message()))


def headers(call):
    found = {}
    for name, value in call.headers:
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found


def _has_pending(outer):
    return isinstance(outer, ssl.SSLSocket) and outer.fileno() >= 0 and outer.pending() > 0


def _receive(outer):
    """Bytes; none if there are none yet, and empty ones at the end."""
    try:
        return outer.recv(65536)
    except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
        return None


def _send(outer, data):
    try:
        return outer.send(data)
    except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
        return 0
