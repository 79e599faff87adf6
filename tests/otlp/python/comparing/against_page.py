"""Every series and every bucket of an export against a page of the same snapshot."""

import math

from . import buckets, native
from .invariants import value
from .requests import show


def text(exported, page, tolerance=0.0, ignore=lambda name: False):
    """What differs from a text page."""
    for name in sorted(exported.keys() | page.families.keys()):
        if ignore(name):
            continue
        if name not in page.families:
            yield f"{name}: {exported[name].otlp} is not on the page"
        elif name not in exported:
            yield f"{name}: on the page, not over OTLP"
        else:
            yield from _family(name, exported[name], page.families[name], tolerance)


def _family(name, metric, family, tolerance):
    if metric.kind != family.kind:
        yield f"{name}: {metric.kind}, on the page {family.kind}"
        return
    if metric.description.strip() != family.help.strip():
        yield f"{name}: description {metric.description!r}, on the page {family.help!r}"
    for labels in sorted(metric.points.keys() | family.series.keys(), key=sorted):
        series = show(name, labels)
        if labels not in family.series:
            yield f"{series}: not on the page"
        elif labels not in metric.points:
            yield f"{series}: on the page, not over OTLP"
        else:
            found, expected = metric.points[labels], family.series[labels]
            compare = _histogram if metric.kind == "histogram" else _number
            for what in compare(metric.data, found, expected, tolerance):
                yield f"{series}: {what}"


def _number(_, point, expected, tolerance):
    found = value(point)
    if found is None or not same(found, expected, tolerance):
        yield f"{found}, on the page {expected}"


def _histogram(data, point, expected, tolerance):
    if point.count != expected.count:
        yield f"count {point.count}, on the page {expected.count}"
    if not same(point.sum, expected.sum, tolerance):
        yield f"sum {point.sum!r}, on the page {expected.sum!r}"
    cumulate = {"histogram": buckets.explicit, "exponential_histogram": buckets.exponential}[data]
    counts, said = cumulate(point, expected.buckets)
    yield from said
    for edge in sorted(counts.keys() & expected.buckets.keys()):
        if counts[edge] != expected.buckets[edge]:
            yield f"{counts[edge]} up to {edge}, on the page {expected.buckets[edge]}"


def same(found, expected, tolerance):
    """Whether the floats are one, or apart by no more than the tolerance, relatively."""
    found = float(found)
    if found == expected or (math.isnan(found) and math.isnan(expected or 0)):
        return True
    return expected is not None and math.isclose(found, expected, rel_tol=tolerance, abs_tol=0)


def protobuf(exported, data, ignore=lambda name: False, starts=True):
    """What differs from a protobuf page: series, when they began, and native buckets."""
    there = {}
    for name, labels, metric in native.read(data):
        if not ignore(name):
            if (name, labels) in there:
                yield f"{show(name, labels)}: twice on the protobuf page"
            there[name, labels] = metric
    here = {
        (name, labels): (metric.data, point)
        for name, metric in exported.items()
        if not ignore(name)
        for labels, point in metric.points.items()
    }
    for key in sorted(there.keys() | here.keys(), key=lambda key: (key[0], sorted(key[1]))):
        series = show(*key)
        if key not in here or key not in there:
            yield f"{series}: only {'on the protobuf page' if key in there else 'over OTLP'}"
            continue
        (kind, point), metric = here[key], there[key]
        began = native.start(metric)
        if starts and began is not None and began != point.start_time_unix_nano:
            yield f"{series}: starts at {point.start_time_unix_nano}, on the protobuf page {began}"
        if kind == "exponential_histogram":
            for what in native.differences(metric.histogram, point):
                yield f"{series}: {what}"
