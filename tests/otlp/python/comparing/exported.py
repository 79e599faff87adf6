"""The series of requests, by the names that Prometheus gives them."""

from dataclasses import dataclass, field

from .requests import kind, labels, metrics, points


@dataclass
class Exported:
    """A metric with its points by labels."""

    otlp: str
    kind: str
    data: str
    description: str
    points: dict = field(default_factory=dict)


def collect(requests, names):
    """Metrics by Prometheus' name, and what was wrong with the names."""
    found, said = {}, []
    for _, metric in metrics(requests):
        try:
            name, wrong = names.prometheus(metric.name, metric.unit, kind(metric))
        except ValueError as error:
            said.append(f"{metric.name}: {error}")
            continue
        said += [each for each in wrong if each not in said]
        entry = found.get(name)
        if entry is None:
            data = metric.WhichOneof("data")
            entry = found[name] = Exported(metric.name, kind(metric), data, metric.description)
        elif entry.otlp != metric.name:
            said.append(f"{entry.otlp} and {metric.name} are both {name}")
        for point in points(metric):
            entry.points[labels(point)] = point
    return found, said
