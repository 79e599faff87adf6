"""A line of the result."""

from dataclasses import dataclass


@dataclass
class Outcome:
    what: str
    expected: object
    found: object
    # The share of `expected` that `found` may be off.
    tolerance: float = 0.0
    # Why it was not tried.
    skipped: str = ""

    def failed(self):
        if self.skipped:
            return False
        if isinstance(self.expected, (int, float)):
            off = abs(self.found - self.expected)
            return off > abs(self.expected) * self.tolerance
        return self.found != self.expected

    def __str__(self):
        if self.skipped:
            return f"SKIP  {self.what}: {self.skipped}"
        mark = "FAIL" if self.failed() else "pass"
        return f"{mark}  {self.what}: {self.found}, expected {self.expected}"


def skipped(what, why):
    return Outcome(what, None, None, skipped=why)
