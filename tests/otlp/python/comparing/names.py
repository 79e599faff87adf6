"""What Prometheus calls a metric that it receives over OTLP."""

import re

# Prometheus' words for the base units; a unit in braces adds nothing to a name.
UNITS = {"s": "seconds", "By": "bytes", "1": ""}


def translate(name, unit, kind):
    """The default strategy of Prometheus: underscores, and suffixes of unit and type.

    `kind` is counter, gauge or histogram. A unit that the comparer does not know is a
    ValueError: guessing at its suffix would compare nothing.
    """
    words = [word for word in re.split(r"[^A-Za-z0-9:]", name) if word]
    if not (unit.startswith("{") and unit.endswith("}")):
        if unit not in UNITS:
            raise ValueError(f"unit {unit!r} is none that the comparer can translate")
        word = UNITS[unit]
        if word and word not in words:
            words.append(word)
    if kind == "counter":
        words = [word for word in words if word != "total"] + ["total"]
    if kind == "gauge" and unit == "1":
        words = [word for word in words if word != "ratio"] + ["ratio"]
    joined = "_".join(words)
    return "_" + joined if joined[:1].isdigit() else joined


class Names:
    """The translation, and the metrics that both worlds have names of their own for.

    Those are of the process, and of kind info, which OTLP does not have.
    """

    def __init__(self, reference="", exceptions=()):
        self.documented = dict(_documented(reference))
        self.exceptions = dict(exceptions)

    def prometheus(self, name, unit, kind):
        """The Prometheus name, and what the reference says that differs."""
        if name in self.exceptions:
            return self.exceptions[name], []
        documented = self.documented.get(name)
        if documented is None:
            return translate(name, unit, kind), []
        expected, expected_kind, expected_unit = documented
        said = []
        if unit != expected_unit:
            said.append(f"{name}: unit {unit!r}, the reference has {expected_unit!r}")
        if expected_kind == "info" or expected.startswith("process_"):
            return expected, said
        translated = translate(name, unit, kind)
        if translated != expected:
            said.append(f"{name}: becomes {translated}, the reference has {expected}")
        return translated, said


def _documented(reference):
    """OTLP name, and Prometheus' name, kind and OTLP unit, of each metric of docs/metrics.md."""
    name = kind = None
    for line in reference.splitlines():
        if match := re.fullmatch(r"### `(\w+)`", line):
            name, kind = match[1], None
        elif kind is None and (match := re.match(r"- (counter|gauge|histogram|info)\b", line)):
            kind = match[1]
        elif match := re.fullmatch(r"- OTLP: `([^`]+)`, unit `([^`]+)`", line):
            yield match[1], (name, kind, match[2])
