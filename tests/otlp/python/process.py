"""A receiver in a process of its own, for the tests."""

import json
import queue
import subprocess
import sys
import threading
from pathlib import Path

HERE = Path(__file__).resolve().parent
# Beyond any wait of these tests: only what never comes takes so long.
PATIENCE = 30


class Receiver:
    def __init__(self, script=None, *arguments):
        command = [sys.executable, str(HERE / "receiver.py"), *arguments]
        if script is not None:
            command += ["--script", json.dumps(script)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._lines = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        self.seen = []
        ports = self.wait_for("ready")
        self.http, self.grpc = ports["http"], ports["grpc"]

    def _read(self):
        for line in self._process.stdout:
            self._lines.put(json.loads(line))

    def wait_for(self, event):
        """The next record of that kind."""
        while True:
            record = self._lines.get(timeout=PATIENCE)
            self.seen.append(record)
            if record["event"] == event:
                return record

    def command(self, name, **about):
        self._process.stdin.write(json.dumps({"command": name, **about}) + "\n")
        self._process.stdin.flush()
        return self.wait_for("done")

    def say(self, line):
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def end(self):
        """Closes its input; gives its exit status."""
        self._process.stdin.close()
        try:
            return self._process.wait(PATIENCE)
        finally:
            self._process.kill()
            self._process.wait()
            self._process.stdout.close()
