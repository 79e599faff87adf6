"""One JSON line for each thing that happens."""

import json
import sys
import threading
import time
from pathlib import Path

from google.protobuf.json_format import MessageToDict


class Recorder:
    """Writes to standard output, where answers to commands go too, or to a file.

    `save` is a directory for the requests' decoded bodies; with `with_messages` they are in the
    records as JSON.
    """

    def __init__(self, path=None, save=None, with_messages=False):
        self._lock = threading.Lock()
        self._file = open(path, "a", encoding="utf-8") if path else sys.stdout
        self._save = Path(save) if save else None
        self._with_messages = with_messages
        self._requests = 0
        if self._save:
            self._save.mkdir(parents=True, exist_ok=True)

    def event(self, event, **about):
        self._write(self._file, {"event": event, "at": time.monotonic(), **about})

    def answer(self, event, **about):
        """Something said to whoever gives the commands: on standard output in any case."""
        self._write(sys.stdout, {"event": event, **about})

    def request(self, body, message, **about):
        """A request that came in whole, with its number."""
        with self._lock:
            number = self._requests
            self._requests += 1
        about = {"number": number, **about}
        if self._save and body is not None:
            path = self._save / f"{number:04}.bin"
            path.write_bytes(body)
            about["file"] = str(path)
        if self._with_messages and message is not None:
            about["message"] = MessageToDict(message)
        self.event("request", **about)
        return number

    def _write(self, file, record):
        line = json.dumps(record, sort_keys=True)
        with self._lock:
            file.write(line + "\n")
            file.flush()
