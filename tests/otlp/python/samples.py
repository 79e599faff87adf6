"""Hand-made exports, and the pages that belong to them, for the tests."""

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)

from comparing.invariants import RESOURCE

SECOND = 10**9
START, TIME = 1_700_000_000 * SECOND, 1_700_000_060 * SECOND
DELTA, CUMULATIVE = 1, 2


def attributes(of, **labels):
    for key, text in labels.items():
        of.attributes.add(key=key).value.string_value = text


def empty():
    """A request with a resource and one scope."""
    request = ExportMetricsServiceRequest()
    about = request.resource_metrics.add()
    for key in RESOURCE:
        about.resource.attributes.add(key=key).value.string_value = f"a {key}"
    scope = about.scope_metrics.add()
    scope.scope.name, scope.scope.version = "geophone.test", "1.0"
    return request


def add(request, name, unit="{thing}"):
    metric = request.resource_metrics[0].scope_metrics[0].metrics.add()
    metric.name, metric.unit, metric.description = name, unit, f"What {name} says."
    return metric


def point(data, start=START, time=TIME, **labels):
    made = data.data_points.add(time_unix_nano=time, start_time_unix_nano=start)
    attributes(made, **labels)
    return made


def counter(request, name="geophone.test.events", value=5, temporality=CUMULATIVE, **about):
    metric = add(request, name)
    metric.sum.is_monotonic, metric.sum.aggregation_temporality = True, temporality
    point(metric.sum, **about).as_int = value
    return metric


def gauge(request, name="geophone.test.level", value=0.5, **labels):
    metric = add(request, name)
    point(metric.gauge, start=0, **labels).as_double = value
    return metric


def exponential(request, temporality=CUMULATIVE, **about):
    """7 observations: 1 of zero, 2 up to 2^-0.5, 3 up to 1, 1 up to 2^0.5."""
    metric = add(request, "geophone.test.wait", "s")
    metric.exponential_histogram.aggregation_temporality = temporality
    made = point(metric.exponential_histogram, **about)
    made.count, made.sum, made.scale = 7, 4.25, 1
    made.zero_count, made.zero_threshold = 1, 2**-30
    made.positive.offset = -2
    made.positive.bucket_counts.extend([2, 3, 1])
    return metric


def explicit(request, temporality=CUMULATIVE, **about):
    """The same with the bounds that the page has."""
    metric = add(request, "geophone.test.wait", "s")
    metric.histogram.aggregation_temporality = temporality
    made = point(metric.histogram, **about)
    made.count, made.sum = 7, 4.25
    made.explicit_bounds.extend([0.5, 1, 2])
    made.bucket_counts.extend([1, 5, 1, 0])
    return metric


def export(histogram=exponential):
    request = empty()
    metric = counter(request, value=5, kind="a")
    point(metric.sum, kind='b "c"\n').as_int = 0
    gauge(request)
    histogram(request, device="vda")
    return request


PAGE = r"""# HELP geophone_test_events_total What geophone.test.events says.
# TYPE geophone_test_events_total counter
geophone_test_events_total{kind="a"} 5
geophone_test_events_total{kind="b \"c\"\n"} 0
# HELP geophone_test_level What geophone.test.level says.
# TYPE geophone_test_level gauge
geophone_test_level 0.5
# HELP geophone_test_wait_seconds What geophone.test.wait says.
# TYPE geophone_test_wait_seconds histogram
geophone_test_wait_seconds_bucket{device="vda",le="0.5"} 1
geophone_test_wait_seconds_bucket{device="vda",le="1"} 6
geophone_test_wait_seconds_bucket{device="vda",le="2"} 7
geophone_test_wait_seconds_bucket{device="vda",le="+Inf"} 7
geophone_test_wait_seconds_sum{device="vda"} 4.25
geophone_test_wait_seconds_count{device="vda"} 7
"""

OPENMETRICS = r"""# HELP geophone_test_events What geophone.test.events says.
# TYPE geophone_test_events counter
geophone_test_events_total{kind="a"} 5
geophone_test_events_total{kind="b \"c\"\n"} 0
# HELP geophone_test_level What geophone.test.level says.
# TYPE geophone_test_level gauge
geophone_test_level 0.5
# HELP geophone_test_wait_seconds What geophone.test.wait says.
# TYPE geophone_test_wait_seconds histogram
# UNIT geophone_test_wait_seconds seconds
geophone_test_wait_seconds_bucket{device="vda",le="0.5"} 1
geophone_test_wait_seconds_bucket{device="vda",le="1.0"} 6
geophone_test_wait_seconds_bucket{device="vda",le="2.0"} 7
geophone_test_wait_seconds_bucket{device="vda",le="+Inf"} 7
geophone_test_wait_seconds_sum{device="vda"} 4.25
geophone_test_wait_seconds_count{device="vda"} 7
# EOF
"""
