"""The three services of OTLP: their messages, and what must be inside."""

from dataclasses import dataclass

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2 as logs
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as metrics
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as traces


@dataclass(frozen=True)
class Signal:
    name: str
    request: type
    response: type
    partial: type
    # Field of ExportPartialSuccess that has the number of those rejected.
    rejected: str
    # Fields from the request down to what is counted.
    levels: tuple
    # Full name of the gRPC method.
    method: str

    def decode(self, body):
        """The message, or none, and what a strict receiver would say of it."""
        try:
            message = self.request.FromString(body)
        except DecodeError as error:
            return None, [f"body is no {self.request.DESCRIPTOR.name}: {error}"]
        said = [f"{name} is empty" for name in _empty(message, self.levels)]
        known = self.request()
        known.CopyFrom(message)
        known.DiscardUnknownFields()
        if known.ByteSize() != message.ByteSize():
            said.append("body has fields that the protocol does not")
        return message, sorted(set(said))

    def count(self, message):
        """Points, records or spans in a request."""
        return sum(1 for _ in _leaves(message, self.levels))

    def accepted(self, rejected=None, message=""):
        """The answer; with a number of those rejected, of partial success."""
        response = self.response()
        if rejected is not None:
            partial = self.partial(error_message=message, **{self.rejected: rejected})
            response.partial_success.CopyFrom(partial)
        return response.SerializeToString()


def _children(message, field):
    if field != "data_points":
        return list(getattr(message, field))
    data = message.WhichOneof("data")
    return list(getattr(message, data).data_points) if data else []


def _empty(message, levels):
    children = _children(message, levels[0])
    if not children:
        yield type(message).DESCRIPTOR.name
    for child in children if levels[1:] else ():
        yield from _empty(child, levels[1:])


def _leaves(message, levels):
    if not levels:
        yield message
        return
    for child in _children(message, levels[0]):
        yield from _leaves(child, levels[1:])


SERVICE = "/opentelemetry.proto.collector"
METRICS = Signal(
    "metrics",
    metrics.ExportMetricsServiceRequest,
    metrics.ExportMetricsServiceResponse,
    metrics.ExportMetricsPartialSuccess,
    "rejected_data_points",
    ("resource_metrics", "scope_metrics", "metrics", "data_points"),
    f"{SERVICE}.metrics.v1.MetricsService/Export",
)
LOGS = Signal(
    "logs",
    logs.ExportLogsServiceRequest,
    logs.ExportLogsServiceResponse,
    logs.ExportLogsPartialSuccess,
    "rejected_log_records",
    ("resource_logs", "scope_logs", "log_records"),
    f"{SERVICE}.logs.v1.LogsService/Export",
)
TRACES = Signal(
    "traces",
    traces.ExportTraceServiceRequest,
    traces.ExportTraceServiceResponse,
    traces.ExportTracePartialSuccess,
    "rejected_spans",
    ("resource_spans", "scope_spans", "spans"),
    f"{SERVICE}.trace.v1.TraceService/Export",
)
SIGNALS = (METRICS, LOGS, TRACES)
