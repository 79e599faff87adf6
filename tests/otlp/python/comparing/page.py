"""A Prometheus text page, by prometheus-client's parsers."""

from dataclasses import dataclass, field

from prometheus_client import parser
from prometheus_client.openmetrics import parser as openmetrics


@dataclass
class Classic:
    """A histogram with cumulative counts by upper edge, the last one infinity."""

    buckets: dict = field(default_factory=dict)
    sum: float = None
    count: float = None


@dataclass
class Family:
    """A metric by its full name, with the values of its series by labels."""

    kind: str
    help: str
    series: dict = field(default_factory=dict)


class Page:
    def __init__(self, text):
        self.families = {}
        self.said = []
        is_openmetrics = text.rstrip("\n").endswith("# EOF")
        parse = openmetrics if is_openmetrics else parser
        for metric in parse.text_string_to_metric_families(text):
            for sample in metric.samples:
                self._add(metric, sample)
        for name, family in self.families.items():
            if family.kind == "histogram":
                self.said += [
                    f"{name}{dict(labels)}: {what}"
                    for labels, each in family.series.items()
                    for what in _check(each)
                ]

    def _add(self, metric, sample):
        kind = {"info": "gauge"}.get(metric.type, metric.type)
        is_histogram = kind == "histogram"
        name = metric.name if is_histogram else sample.name
        family = self.families.setdefault(name, Family(kind, metric.documentation))
        labels = dict(sample.labels)
        if not is_histogram:
            key = frozenset(labels.items())
            if key in family.series:
                self.said.append(f"{name}{labels}: twice on the page")
            family.series[key] = sample.value
            return
        edge = labels.pop("le", None)
        each = family.series.setdefault(frozenset(labels.items()), Classic())
        part = sample.name[len(name) :]
        if part == "_bucket":
            if float(edge) in each.buckets:
                self.said.append(f"{name}{labels}: bucket {edge} twice on the page")
            each.buckets[float(edge)] = sample.value
        elif part in ("_sum", "_count"):
            if getattr(each, part[1:]) is not None:
                self.said.append(f"{name}{labels}: {part} twice on the page")
            setattr(each, part[1:], sample.value)


def _check(each):
    if each.sum is None or each.count is None:
        yield "no sum or no count on the page"
    if each.buckets.get(float("inf")) != each.count:
        yield "the bucket of infinity is not the count on the page"
