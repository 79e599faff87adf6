"""Files with requests to a metrics service: protobuf, not compressed."""

import re
from pathlib import Path

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)


def read(paths, delimited=False):
    """All requests of the files, in order; `delimited` ones have their lengths before them."""
    found = []
    for path in paths:
        data = Path(path).read_bytes()
        for message in split(data) if delimited else [data]:
            found.append(ExportMetricsServiceRequest.FromString(message))
    return found


def split(data):
    """The messages of a stream of messages with their lengths, as varints, before them."""
    at = 0
    while at < len(data):
        length = shift = 0
        while True:
            if at >= len(data):
                raise ValueError("ends within a length")
            byte = data[at]
            at += 1
            length |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        if at + length > len(data):
            raise ValueError("ends within a message")
        yield data[at : at + length]
        at += length


def joined(messages):
    """The opposite of split."""
    out = bytearray()
    for message in messages:
        length = len(message)
        while length >= 0x80:
            out.append(length & 0x7F | 0x80)
            length >>= 7
        out.append(length)
        out += message
    return bytes(out)


def metrics(requests):
    """Each metric of the requests with its scope."""
    for request in requests:
        for resource in request.resource_metrics:
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    yield scope.scope, metric


def kind(metric):
    """counter, gauge or histogram, as Prometheus sees the metric."""
    data = metric.WhichOneof("data")
    if data == "sum":
        return "counter" if metric.sum.is_monotonic else "gauge"
    return {"gauge": "gauge", "histogram": "histogram", "exponential_histogram": "histogram"}.get(
        data
    )


def points(metric):
    data = metric.WhichOneof("data")
    return getattr(metric, data).data_points if data else []


def temporality(metric):
    """UNSPECIFIED, DELTA or CUMULATIVE; None for a gauge, which has none."""
    data = metric.WhichOneof("data")
    if data in (None, "gauge", "summary"):
        return None
    number = getattr(metric, data).aggregation_temporality
    return ("UNSPECIFIED", "DELTA", "CUMULATIVE")[number] if number < 3 else str(number)


def labels(point):
    """The attributes as labels. A value that is no text is written so that it equals none."""
    return frozenset(
        (
            (each.key, each.value.string_value)
            if each.value.WhichOneof("value") == "string_value"
            else (each.key, f"<{str(each.value).strip()}>")
        )
        for each in point.attributes
    )


def show(name, labels):
    """A series as people write it."""
    text = ",".join(f'{key}="{value}"' for key, value in sorted(labels))
    return f"{name}{{{re.sub(chr(10), chr(92) + 'n', text)}}}" if text else name
