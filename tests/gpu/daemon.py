"""Geophone under test: with what measures NVIDIA's GPUs alone, scraped as Prometheus would."""

import re
import subprocess
import tempfile
import time
import urllib.request

ADDRESS = "127.0.0.1:10437"
PATIENCE = 30
MODULES = ["cuda", "cudart", "nvidia", "nvidia_uvm"]
SAMPLE = re.compile(r'^([a-z_:]+)(?:\{(.*)\})? (\S+)$')
LABEL = re.compile(r'([a-z_]+)="((?:[^"\\]|\\.)*)"')


class Daemon:
    """Runs while it is entered."""

    def __init__(self, binary):
        self.binary = binary

    def __enter__(self):
        self.configuration = tempfile.NamedTemporaryFile("w", suffix=".toml")
        self.configuration.write('sweep.min_interval = "1ms"\n')
        self.configuration.flush()
        self.log = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(
            [
                self.binary,
                "--config.file",
                self.configuration.name,
                "--module.disable-defaults",
                *(f"--module.{module}" for module in MODULES),
                f"--web.listen-address={ADDRESS}",
            ],
            stdout=self.log,
            stderr=self.log,
        )
        try:
            until("the module to be attached", self.is_attached)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self.process.terminate()
        self.process.wait()

    def is_attached(self):
        if self.process.poll() is not None:
            self.log.seek(0)
            raise SystemExit(f"geophone ended: {self.log.read()}")
        try:
            state = self.sum("geophone_module_state", module="cuda", state="active")
        except OSError:
            return False
        return state == 1

    def page(self):
        with urllib.request.urlopen(f"http://{ADDRESS}/metrics") as response:
            return response.read().decode()

    def sum(self, name, **labels):
        """The sum over the series of a metric that have these labels; 0 if there is none."""
        return sum_of(self.page(), name, labels)

    def has(self, name):
        """Whether a metric has any series."""
        return any(sample[1] == name for sample in map(SAMPLE.match, self.page().splitlines()) if sample)

    def hooks(self, module):
        """The programs of a module, and where they are; nowhere for one that is not attached."""
        samples = map(SAMPLE.match, self.page().splitlines())
        samples = (it for it in samples if it and it[1] == "geophone_program_attached")
        labels = (dict(LABEL.findall(it[2])) for it in samples)
        return [(it["program"], it["hook"]) for it in labels if it["module"] == module]

    def gains(self, workload, *wanted):
        """What metrics gain while `workload` runs, each given as (name, labels)."""
        before = self.page()
        result = workload()
        after = self.page()
        return result, [
            sum_of(after, name, labels) - sum_of(before, name, labels) for name, labels in wanted
        ]


def sum_of(page, name, labels):
    total = 0.0
    for line in page.splitlines():
        sample = SAMPLE.match(line)
        if sample and sample[1] == name:
            found = dict(LABEL.findall(sample[2] or ""))
            if all(found.get(label) == value for label, value in labels.items()):
                total += float(sample[3])
    return total


def until(what, condition):
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            raise SystemExit(f"waited in vain for {what}")
        time.sleep(0.1)
