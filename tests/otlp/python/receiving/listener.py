"""A port that can be closed and opened again, with TLS or without."""

import os
import socket
import ssl
import struct
import threading


def server_context(certificate, key, client_ca=None, alpn=()):
    """TLS of a server; with a CA, clients must have a certificate of it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    if client_ca:
        context.load_verify_locations(client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    if alpn:
        context.set_alpn_protocols(list(alpn))
    return context


class Connection:
    def __init__(self, number, plain, transport):
        self.number = number
        self.socket = plain
        self.transport = transport
        self.is_tls = False
        self.client = None
        # Whether the receiver ends it, rather than the client.
        self.is_cut = False
        self._lock = threading.Lock()
        self._open = True

    def handshake(self, context):
        self.socket = context.wrap_socket(self.socket, server_side=True)
        self.is_tls = True
        subject = (self.socket.getpeercert() or {}).get("subject", ())
        names = dict(pair for part in subject for pair in part)
        self.client = names.get("commonName")

    def reset(self):
        """Closes so that the peer gets a RST."""
        self._close(
            lambda: self.socket.setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
            )
        )

    def close(self):
        """Closes as a server that ends, without a word of TLS."""
        self._close(lambda: self.socket.shutdown(socket.SHUT_RDWR))

    def _close(self, before):
        # The descriptor itself, because whoever reads from the socket holds on to it.
        with self._lock:
            if not self._open:
                return
            self._open = False
            try:
                before()
            except OSError:
                pass
            descriptor = self.socket.detach()
        if descriptor >= 0:
            os.close(descriptor)

    def wait_for_end(self):
        """Returns when the peer is gone, or the connection is closed here."""
        try:
            while self.socket.recv(65536):
                pass
        except (OSError, ValueError):
            pass


class Listener:
    """Hands each connection to `serve` in a thread of its own."""

    def __init__(self, transport, serve, recorder, context=None):
        self.transport = transport
        self.port = 0
        self._serve = serve
        self._recorder = recorder
        self._context = context
        self._socket = None
        self._thread = None
        self._connections = set()
        self._number = 0

    def listen(self):
        """Opens the port; again, if it had been closed."""
        if self._socket is not None:
            return
        listening = socket.socket()
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", self.port))
        listening.listen(128)
        self.port = listening.getsockname()[1]
        self._socket = listening
        self._thread = threading.Thread(target=self._accept, args=(listening,), daemon=True)
        self._thread.start()

    def stop(self):
        """Refuses connections from now on, and closes those that there are."""
        if self._socket is not None:
            # Only this wakes the thread that accepts.
            self._socket.shutdown(socket.SHUT_RDWR)
            self._thread.join()
            self._socket.close()
            self._socket = None
        self.close_connections()

    def close_connections(self):
        for connection in list(self._connections):
            connection.is_cut = True
            connection.close()

    def _accept(self, listening):
        while True:
            try:
                accepted, _ = listening.accept()
            except OSError:
                return
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = Connection(self._number, accepted, self.transport)
            self._number += 1
            self._connections.add(connection)
            threading.Thread(target=self._run, args=(connection,), daemon=True).start()

    def _run(self, connection):
        about = {"transport": self.transport, "connection": connection.number}
        try:
            if self._context is not None:
                try:
                    connection.handshake(self._context)
                except OSError as error:
                    self._recorder.event("handshake_failed", error=str(error), **about)
                    return
            self._recorder.event(
                "connected", tls=connection.is_tls, client=connection.client, **about
            )
            self._serve(connection)
        except (OSError, ValueError):
            # The peer is gone, or the connection was closed on purpose.
            pass
        finally:
            connection.close()
            self._connections.discard(connection)
            self._recorder.event("disconnected", **about)
