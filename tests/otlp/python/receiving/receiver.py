"""The receiver: a script, a record, and two ports."""

import threading
import time

from .grpc_service import Service
from .http import Handler, paths
from .listener import Listener, server_context
from .recorder import Recorder
from .script import Script


class Receiver:
    def __init__(self, options):
        self.recorder = Recorder(options.records, options.save, options.messages)
        self.script = Script(options.script)
        self.paths = paths(options.metrics_path, options.logs_path, options.traces_path)
        self.stopping = threading.Event()
        self._changed = threading.Condition()
        self._service = Service(self)
        self._listeners = {
            "http": self._listener("http", self._http, options, ("http/1.1",)),
            "grpc": self._listener("grpc", self._service.front.serve, options, ("h2",)),
        }

    def _listener(self, transport, serve, options, alpn):
        context = None
        if options.certificate:
            context = server_context(options.certificate, options.key, options.client_ca, alpn)
        return Listener(transport, serve, self.recorder, context)

    def _http(self, connection):
        Handler(connection, self)

    def listen(self, transport=None):
        for listener in self._chosen(transport):
            listener.listen()

    def stop_listening(self, transport=None):
        for listener in self._chosen(transport):
            listener.stop()

    def close_connections(self, transport=None):
        for listener in self._chosen(transport):
            listener.close_connections()

    def _chosen(self, transport):
        if transport is not None and transport not in self._listeners:
            raise ValueError(f"transport must be one of {', '.join(self._listeners)}")
        return [each for name, each in self._listeners.items() if transport in (None, name)]

    def ports(self):
        return {name: listener.port for name, listener in self._listeners.items()}

    def stop(self):
        self.stopping.set()
        self.wake()
        self.stop_listening()
        self._service.stop()

    def wake(self):
        """Lets those look who wait until something changes."""
        with self._changed:
            self._changed.notify_all()

    def wait_until(self, condition):
        """Returns when the condition holds, or the receiver ends."""
        with self._changed:
            self._changed.wait_for(lambda: self.stopping.is_set() or condition())

    def gave_up(self, connection, began):
        """Notes how long a client waited for an answer that does not come."""
        if connection.is_cut or self.stopping.is_set():
            return
        self.recorder.event(
            "gave_up",
            transport=connection.transport,
            connection=connection.number,
            after=time.monotonic() - began,
        )
