"""OTLP over gRPC."""

import math
import time
from concurrent.futures import ThreadPoolExecutor

import grpc
from google.protobuf import any_pb2
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status

from .front import Front, headers
from .signals import SIGNALS

# More than a request of any test has.
MOST = 256 << 20


class Service(grpc.GenericRpcHandler):
    """Takes the bytes of each call; the protobuf classes read them as the HTTP side does."""

    def __init__(self, receiver):
        self._receiver = receiver
        self._signals = {signal.method: signal for signal in SIGNALS}
        self._server = grpc.server(
            ThreadPoolExecutor(max_workers=64),
            handlers=[self],
            options=[
                ("grpc.max_receive_message_length", MOST),
                ("grpc.max_send_message_length", MOST),
            ],
        )
        inner = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()
        self.front = Front(receiver, inner)

    def stop(self):
        self._server.stop(0).wait()

    def service(self, details):
        signal = self._signals.get(details.method)
        if signal is None:
            self._receiver.recorder.event("not_served", transport="grpc", path=details.method)
            return None

        def export(body, context):
            return self._export(signal, body, context)

        return grpc.unary_unary_rpc_method_handler(export)

    def _export(self, signal, body, context):
        passage = self._receiver_passage(context)
        arrived, call = (passage and passage.take(body)) or (time.monotonic(), None)
        entry = self._receiver.script.next()
        message, said = signal.decode(body)
        said = _check_head(call) + said
        sent = headers(call) if call else dict(context.invocation_metadata())
        self._receiver.recorder.request(
            body,
            message,
            arrived=arrived,
            transport="grpc",
            connection=passage.connection.number if passage else None,
            client=passage.connection.client if passage else None,
            signal=signal.name,
            path=signal.method,
            headers={name: str(value) for name, value in sent.items()},
            encoding=sent.get("grpc-encoding") if call and call.is_compressed else None,
            wire_bytes=call.wanted - 5 if call else None,
            bytes=len(body),
            points=None if message is None else signal.count(message),
            behaviour=entry,
            errors=said,
        )
        return self._answer(entry, signal, said, context, passage)

    def _receiver_passage(self, context):
        port = context.peer().rpartition(":")[2]
        return self.front.passage(int(port)) if port.isdigit() else None

    def _answer(self, entry, signal, said, context, passage):
        do = entry["do"]
        if do == "hang":
            self._hang(context, passage)
            context.abort(grpc.StatusCode.CANCELLED, "the receiver ends")
        if do == "slow":
            self._receiver.stopping.wait(entry["seconds"])
        if do in ("close", "reset"):
            if passage:
                getattr(passage.connection, do)()
            context.abort(grpc.StatusCode.UNAVAILABLE, "the connection is closed")
        if do == "fail":
            context.abort_with_status(rpc_status.to_status(_status(entry)))
        if do == "garbage":
            return b"\xff" * 64
        if do == "huge":
            return signal.accepted(0, "x" * entry.get("bytes", 64 << 20))
        if said:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "; ".join(said))
        if do == "partial":
            return signal.accepted(entry.get("rejected", 0), entry.get("message", ""))
        return signal.accepted()

    def _hang(self, context, passage):
        began = time.monotonic()
        # Called at once where the client is gone already.
        if not context.add_callback(self._receiver.wake):
            self._receiver.wake()
        self._receiver.wait_until(lambda: not context.is_active())
        if passage:
            self._receiver.gave_up(passage.connection, began)


def _check_head(call):
    if call is None:
        return ["the call was not seen on the wire"]
    found, said = headers(call), []
    kind = found.get("content-type", "")
    if kind not in ("application/grpc", "application/grpc+proto"):
        said.append(f"content-type {kind!r}")
    if found.get("te") != "trailers":
        said.append(f"te {found.get('te')!r}, not 'trailers'")
    if found.get(":method") != "POST":
        said.append(f"method {found.get(':method')!r}")
    if not found.get("user-agent"):
        said.append("no user-agent")
    if call.is_compressed and found.get("grpc-encoding") != "gzip":
        said.append(f"compressed, with grpc-encoding {found.get('grpc-encoding')!r}")
    if len(call.data) != call.wanted:
        said.append("more than one message")
    return said


def _status(entry):
    """The status in grpc-status-details-bin; with RetryInfo where the script has a delay."""
    code = entry.get("code", "UNAVAILABLE")
    status = Status(
        code=getattr(grpc.StatusCode, code).value[0],
        message=entry.get("message", "as the script says"),
    )
    if (after := entry.get("retry_after")) is not None:
        info = RetryInfo()
        fraction, whole = math.modf(after)
        info.retry_delay.seconds, info.retry_delay.nanos = int(whole), round(fraction * 1e9)
        detail = any_pb2.Any()
        detail.Pack(info)
        status.details.append(detail)
    return status
