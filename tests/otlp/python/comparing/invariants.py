"""What must hold of requests whatever was measured."""

import re
from collections import defaultdict

from .requests import kind, labels, metrics, points, show, temporality

RESOURCE = (
    "service.name",
    "service.version",
    "service.instance.id",
    "host.name",
    "host.id",
    "host.arch",
    "os.type",
)

# A term of UCUM's grammar: atoms with exponents, annotations, joined by points and strokes.
_ATOM = r"(?:[A-Za-z%'\[][A-Za-z0-9_%'\]\[*]*?-?\d*(?:\{[!-z|~]*\})?|\d+|\{[!-z|~]+\})"
UCUM = re.compile(rf"/?{_ATOM}(?:[./]{_ATOM})*")


def check(requests, temporality_expected="cumulative", resource=RESOURCE):
    """What the requests of one export break, in words."""
    said = []
    for number, request in enumerate(requests):
        said += _envelopes(f"request {number}", request, resource)
    resources = {
        r.resource.SerializeToString(deterministic=True)
        for q in requests
        for r in q.resource_metrics
    }
    if len(resources) > 1:
        said.append("requests are of different resources")
    shapes, series = {}, defaultdict(int)
    for scope, metric in metrics(requests):
        shape = (
            scope.name,
            metric.unit,
            metric.description,
            metric.WhichOneof("data"),
            kind(metric),
        )
        if shapes.setdefault(metric.name, shape) != shape:
            said.append(f"{metric.name}: described in two ways: {shapes[metric.name]} and {shape}")
        said += _metric(metric, temporality_expected)
        for point in points(metric):
            name = show(metric.name, labels(point))
            series[name] += 1
            said += [f"{name}: {what}" for what in _point(metric, point)]
    said += [f"{name}: there {count} times" for name, count in series.items() if count > 1]
    return said


def _envelopes(which, request, resource):
    if len(request.resource_metrics) != 1:
        yield f"{which}: {len(request.resource_metrics)} ResourceMetrics, not 1"
    for about in request.resource_metrics:
        found = {each.key: each.value for each in about.resource.attributes}
        if len(found) != len(about.resource.attributes):
            yield f"{which}: a resource attribute is there twice"
        for key in resource:
            if key not in found:
                yield f"{which}: no resource attribute {key}"
            elif not found[key].string_value:
                yield f"{which}: resource attribute {key} is no text, or empty"
        if not about.scope_metrics:
            yield f"{which}: ResourceMetrics without ScopeMetrics"
        scopes = [scope.scope.name for scope in about.scope_metrics]
        if len(set(scopes)) != len(scopes):
            yield f"{which}: a scope is there twice: {scopes}"
        for scope in about.scope_metrics:
            if not scope.scope.name or not scope.scope.version:
                yield f"{which}: scope {scope.scope.name!r} without name or version"
            if not scope.metrics:
                yield f"{which}: scope {scope.scope.name!r} without metrics"
            names = [metric.name for metric in scope.metrics]
            for name in sorted({name for name in names if names.count(name) > 1}):
                yield f"{which}: {name}: two Metrics of that name"


def _metric(metric, expected):
    name = metric.name
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_.\-/]{0,254}", name):
        yield f"{name!r}: no name of an instrument"
    if not UCUM.fullmatch(metric.unit):
        yield f"{name}: unit {metric.unit!r} is none of UCUM's"
    if not metric.description:
        yield f"{name}: no description"
    if kind(metric) is None:
        yield f"{name}: data of kind {metric.WhichOneof('data')}"
    if not points(metric):
        yield f"{name}: no data points"
    found = temporality(metric)
    # A sum that may fall has no rate to be a delta of: it is cumulative whatever is preferred.
    if metric.WhichOneof("data") == "sum" and not metric.sum.is_monotonic and found:
        if found != "CUMULATIVE":
            yield f"{name}: a sum that is not monotonic has temporality {found}"
    elif found is not None and expected == "any":
        if found not in ("DELTA", "CUMULATIVE"):
            yield f"{name}: temporality {found}"
    elif found is not None and found != expected.upper():
        yield f"{name}: temporality {found}, not {expected.upper()}"


def _point(metric, point):
    data = metric.WhichOneof("data")
    keys = [each.key for each in point.attributes]
    if len(set(keys)) != len(keys):
        yield "an attribute is there twice"
    for each in point.attributes:
        if each.value.WhichOneof("value") != "string_value":
            yield f"attribute {each.key} is no text"
    if point.flags:
        yield f"flags {point.flags}: the point says that nothing was recorded"
    start, time = point.start_time_unix_nano, point.time_unix_nano
    if not time:
        yield "no time"
    if start > time:
        yield f"starts at {start}, after its time {time}"
    # A gauge has no beginning.
    if data != "gauge" and not start:
        yield "no start time"
    if data in ("sum", "gauge"):
        if point.WhichOneof("value") is None:
            yield "no value"
        elif kind(metric) == "counter" and not value(point) >= 0:
            yield f"counted {value(point)}"
    elif data == "histogram":
        yield from _explicit(point)
    elif data == "exponential_histogram":
        yield from _exponential(point)


def value(point):
    """The number of a point of a sum or a gauge; none where it has none."""
    field = point.WhichOneof("value")
    return getattr(point, field) if field else None


def _explicit(point):
    bounds, counts = list(point.explicit_bounds), list(point.bucket_counts)
    if len(counts) != len(bounds) + 1:
        yield f"{len(counts)} buckets for {len(bounds)} bounds"
    if sum(counts) != point.count:
        yield f"count {point.count}, in buckets {sum(counts)}"
    if any(a >= b for a, b in zip(bounds, bounds[1:])):
        yield "bounds do not rise"
    yield from _sum(point)


def _exponential(point):
    positive, negative = point.positive.bucket_counts, point.negative.bucket_counts
    if sum(negative):
        yield "has observations below zero"
    inside = point.zero_count + sum(positive) + sum(negative)
    if inside != point.count:
        yield f"count {point.count}, with zero's in buckets {inside}"
    if not -10 <= point.scale <= 20:
        yield f"scale {point.scale}"
    if point.zero_threshold < 0:
        yield f"zero threshold {point.zero_threshold}"
    yield from _sum(point)


def _sum(point):
    if not point.HasField("sum"):
        yield "no sum"
    elif point.count == 0 and point.sum != 0:
        yield f"sum {point.sum} of no observations"
    for bound in ("min", "max"):
        if point.HasField(bound):
            yield f"has a {bound}, which nothing measures"
