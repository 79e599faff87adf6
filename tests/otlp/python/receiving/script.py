"""What the receiver does with each request: a script, one entry for each, the last for all
that follow."""

import threading

# By behaviour: the keys that it may have. README.md says what they mean.
BEHAVIOURS = {
    "accept": set(),
    "partial": {"rejected", "message"},
    "fail": {"status", "code", "message", "retry_after", "retry_date", "headers"},
    "hang": set(),
    "reset": {"after"},
    "close": set(),
    "garbage": set(),
    "slow": {"seconds"},
    "huge": {"bytes"},
}


def check(entries):
    """The entries, or a ValueError that says what is wrong with them."""
    if not isinstance(entries, list) or not entries:
        raise ValueError("a script is a list of at least one entry")
    for entry in entries:
        if not isinstance(entry, dict) or entry.get("do") not in BEHAVIOURS:
            raise ValueError(f"{entry!r}: \"do\" must be one of {', '.join(BEHAVIOURS)}")
        if unknown := set(entry) - {"do"} - BEHAVIOURS[entry["do"]]:
            raise ValueError(f"{entry!r}: {entry['do']} has no {', '.join(sorted(unknown))}")
    return entries


class Script:
    def __init__(self, entries):
        self._lock = threading.Lock()
        self.replace(entries)

    def replace(self, entries):
        entries = list(check(entries))
        with self._lock:
            self._entries = entries

    def next(self):
        """The entry for the request that came now."""
        with self._lock:
            return self._take()

    def next_if(self, behaviour):
        """The entry for the request that comes now, if that is its behaviour."""
        with self._lock:
            return self._take() if self._entries[0]["do"] == behaviour else None

    def _take(self):
        return self._entries.pop(0) if len(self._entries) > 1 else self._entries[0]
