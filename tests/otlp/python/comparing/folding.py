"""A sequence of delta exports as one cumulative export."""

import math
from dataclasses import dataclass

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)

from .requests import labels, points, show, temporality

CUMULATIVE = 2


@dataclass
class Total:
    """One series: the last point of it, into which all were added, and its terms."""

    point: object
    terms: list


class Folding:
    """Adds requests up, in the order in which they were accepted."""

    def __init__(self, restarts=False):
        self.restarts = restarts
        self.said = []
        self.resource = None
        # By scope and metric: the metric without points, and totals by labels.
        self.metrics = {}

    def add(self, request):
        for resource in request.resource_metrics:
            self.resource = resource.resource
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    self._metric(scope.scope, metric)

    def _metric(self, scope, metric):
        _, _, totals = self.metrics.setdefault(
            (scope.name, scope.version, metric.name), (scope, metric, {})
        )
        is_delta = temporality(metric) == "DELTA"
        for point in points(metric):
            series, key = show(metric.name, labels(point)), labels(point)
            before = totals.get(key)
            if before is None or not is_delta:
                # Of a gauge, and of what is cumulative anyway, the last one stands for all.
                totals[key] = _first(metric, point)
                continue
            end = before.point.time_unix_nano
            start = point.start_time_unix_nano
            if start > end and self.restarts:
                totals[key] = _first(metric, point)
                continue
            if start != end:
                word = "a gap" if start > end else "an overlap"
                self.said.append(f"{series}: {word}: from {start}, after one to {end}")
            for what in _join(metric, before, point):
                self.said.append(f"{series}: {what}")

    def total(self):
        """The sums as one request with cumulative temporality."""
        request = ExportMetricsServiceRequest()
        resource = request.resource_metrics.add()
        if self.resource is not None:
            resource.resource.CopyFrom(self.resource)
        scopes = {}
        for (name, version, _), (scope, metric, totals) in self.metrics.items():
            if (name, version) not in scopes:
                scopes[name, version] = resource.scope_metrics.add()
                scopes[name, version].scope.CopyFrom(scope)
            added = scopes[name, version].metrics.add()
            added.CopyFrom(metric)
            data = getattr(added, metric.WhichOneof("data"))
            if temporality(metric) == "DELTA":
                data.aggregation_temporality = CUMULATIVE
            del data.data_points[:]
            data.data_points.extend(_summed(metric, total) for total in totals.values())
        return request


def _first(metric, point):
    copy = type(point)()
    copy.CopyFrom(point)
    return Total(copy, [_number(metric, point)])


def _number(metric, point):
    if metric.WhichOneof("data") in ("histogram", "exponential_histogram"):
        return point.sum
    return getattr(point, point.WhichOneof("value") or "as_int")


def _summed(metric, total):
    """Floats are summed once and exactly, so that only the deltas' own rounding is in it."""
    point = total.point
    if metric.WhichOneof("data") in ("histogram", "exponential_histogram"):
        point.sum = math.fsum(total.terms)
    elif all(isinstance(term, int) for term in total.terms):
        point.as_int = sum(total.terms)
    else:
        point.as_double = math.fsum(total.terms)
    return point


def _join(metric, before, point):
    """Adds a point to the total before it, whose interval becomes that of both."""
    total = before.point
    before.terms.append(_number(metric, point))
    total.time_unix_nano = point.time_unix_nano
    data = metric.WhichOneof("data")
    if data == "histogram":
        if list(total.explicit_bounds) != list(point.explicit_bounds):
            yield "bounds changed"
            return
        total.count += point.count
        for i, count in enumerate(point.bucket_counts):
            total.bucket_counts[i] += count
    elif data == "exponential_histogram":
        if (total.scale, total.zero_threshold) != (point.scale, point.zero_threshold):
            yield "scale or zero threshold changed"
            return
        total.count += point.count
        total.zero_count += point.zero_count
        _add_buckets(total.positive, point.positive)


def _add_buckets(total, added):
    counts = {total.offset + i: count for i, count in enumerate(total.bucket_counts)}
    for i, count in enumerate(added.bucket_counts):
        counts[added.offset + i] = counts.get(added.offset + i, 0) + count
    if counts:
        first, last = min(counts), max(counts)
        total.offset = first
        total.bucket_counts[:] = [counts.get(index, 0) for index in range(first, last + 1)]
