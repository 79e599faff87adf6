"""Prometheus' delimited protobuf page: io.prometheus.client.MetricFamily.

No package has these classes, so they are made here from the numbers of metrics.proto of
prometheus/client_model. Fields that are left out would be seen as unknown ones.
"""

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf import timestamp_pb2  # noqa: F401, puts Timestamp into the pool
from google.protobuf.unknown_fields import UnknownFieldSet

from .requests import split

_TYPE = descriptor_pb2.FieldDescriptorProto
_TIMESTAMP = ".google.protobuf.Timestamp"

# By message: name of the field, number, type, and whether it is repeated.
_MESSAGES = {
    "LabelPair": [("name", 1, "string"), ("value", 2, "string")],
    "Gauge": [("value", 1, "double")],
    "Counter": [("value", 1, "double"), ("created_timestamp", 3, _TIMESTAMP)],
    "Bucket": [("cumulative_count", 1, "uint64"), ("upper_bound", 2, "double")],
    "BucketSpan": [("offset", 1, "sint32"), ("length", 2, "uint32")],
    "Histogram": [
        ("sample_count", 1, "uint64"),
        ("sample_sum", 2, "double"),
        ("bucket", 3, "Bucket*"),
        ("schema", 5, "sint32"),
        ("zero_threshold", 6, "double"),
        ("zero_count", 7, "uint64"),
        ("positive_span", 12, "BucketSpan*"),
        ("positive_delta", 13, "sint64*"),
        ("created_timestamp", 15, _TIMESTAMP),
    ],
    "Metric": [
        ("label", 1, "LabelPair*"),
        ("gauge", 2, "Gauge"),
        ("counter", 3, "Counter"),
        ("histogram", 7, "Histogram"),
    ],
    "MetricFamily": [
        ("name", 1, "string"),
        ("help", 2, "string"),
        ("type", 3, "int32"),
        ("metric", 4, "Metric*"),
        ("unit", 5, "string"),
    ],
}


def _classes():
    package = "io.prometheus.client"
    file = descriptor_pb2.FileDescriptorProto(
        name="io/prometheus/client/metrics.proto",
        package=package,
        syntax="proto2",
        dependency=["google/protobuf/timestamp.proto"],
    )
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, number, kind in fields:
            repeated, kind = kind.endswith("*"), kind.rstrip("*")
            added = message.field.add(name=field, number=number)
            added.label = _TYPE.LABEL_REPEATED if repeated else _TYPE.LABEL_OPTIONAL
            if kind[0] == "." or kind in _MESSAGES:
                added.type = _TYPE.TYPE_MESSAGE
                added.type_name = kind if kind[0] == "." else f".{package}.{kind}"
            else:
                added.type = getattr(_TYPE, f"TYPE_{kind.upper()}")
    pool = descriptor_pool.Default()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{package}.{name}"))
        for name in _MESSAGES
    }


CLASSES = _classes()


def read(data):
    """Each series of the page: its metric's name, its labels and its Metric."""
    for body in split(data):
        family = CLASSES["MetricFamily"].FromString(body)
        if len(UnknownFieldSet(family)):
            raise ValueError(f"{family.name}: fields that the comparer does not know")
        for metric in family.metric:
            for part in (metric, metric.gauge, metric.counter, metric.histogram):
                if len(UnknownFieldSet(part)):
                    raise ValueError(f"{family.name}: fields that the comparer does not know")
            yield family.name, frozenset((pair.name, pair.value) for pair in metric.label), metric


def buckets(histogram):
    """Counts by index, without empty ones."""
    deltas = list(histogram.positive_delta)
    if sum(span.length for span in histogram.positive_span) != len(deltas):
        raise ValueError("spans and deltas are of different lengths")
    found, index, count = {}, 0, 0
    for span in histogram.positive_span:
        index += span.offset
        for _ in range(span.length):
            count += deltas.pop(0)
            if count:
                found[index] = count
            index += 1
    return found


def differences(exported, point):
    """What differs between a native histogram and an exponential one."""
    pairs = [
        ("schema", exported.schema, point.scale),
        ("zero threshold", exported.zero_threshold, point.zero_threshold),
        ("zero count", exported.zero_count, point.zero_count),
        ("count", exported.sample_count, point.count),
        ("sum", exported.sample_sum, point.sum),
    ]
    for what, page, otlp in pairs:
        if page != otlp:
            yield f"{what} {otlp}, on the protobuf page {page}"
    # Prometheus' bucket n ends where OTLP's n - 1 does.
    there = buckets(exported)
    here = {
        point.positive.offset + i + 1: count
        for i, count in enumerate(point.positive.bucket_counts)
        if count
    }
    for index in sorted(there.keys() | here.keys()):
        if there.get(index, 0) != here.get(index, 0):
            yield (
                f"native bucket {index} has {here.get(index, 0)}, "
                f"on the protobuf page {there.get(index, 0)}"
            )


def start(metric):
    """When the series began, in nanoseconds since 1970; none for a gauge."""
    for field in ("counter", "histogram"):
        if metric.HasField(field):
            began = getattr(metric, field).created_timestamp
            return began.seconds * 10**9 + began.nanos
    return None
