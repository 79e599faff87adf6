import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import samples
import test_folding
from comparing import requests
from process import HERE


class Commands(unittest.TestCase):
    def setUp(self):
        made = tempfile.TemporaryDirectory()
        self.addCleanup(made.cleanup)
        self.directory = Path(made.name)

    def file(self, name, content):
        path = self.directory / name
        path.write_bytes(content)
        return str(path)

    def run_program(self, name, *arguments):
        command = [sys.executable, str(HERE / name), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        self.assertEqual(done.stderr, "")
        return done.returncode, done.stdout

    def test_compare(self):
        page = self.file("page", samples.PAGE.encode())
        export = self.file("export", samples.export().SerializeToString())
        self.assertEqual(
            self.run_program("compare.py", "--page", page, export),
            (0, "the same: 4 series of 3 metrics\n"),
        )
        other = self.file("other", samples.PAGE.replace("level 0.5", "level 0.6").encode())
        self.assertEqual(
            self.run_program("compare.py", "--page", other, export),
            (1, "geophone_test_level: 0.5, on the page 0.6\n"),
        )
        self.assertEqual(
            self.run_program(
                "compare.py", "--page", other, "--ignore", "^geophone_test_level$", export
            )[0],
            0,
        )

    def test_compare_delimited(self):
        page = self.file("page", samples.PAGE.encode())
        one, two = samples.empty(), samples.empty()
        metric = samples.counter(one, kind="a")
        samples.point(metric.sum, kind='b "c"\n').as_int = 0
        samples.gauge(two)
        samples.exponential(two, device="vda")
        stream = requests.joined([one.SerializeToString(), two.SerializeToString()])
        self.assertEqual(
            self.run_program("compare.py", "--delimited", "--page", page, self.file("all", stream))[
                0
            ],
            0,
        )

    def test_comparing_nothing_is_no_success(self):
        status, said = self.run_program("compare.py", self.file("export", b""))
        self.assertEqual(status, 1)
        self.assertIn("nothing was compared", said)

    def test_fold_and_compare(self):
        page = self.file("page", samples.PAGE.encode())
        one, two = (each.SerializeToString() for each in test_folding.deltas())
        one, two = self.file("one", one), self.file("two", two)
        total = str(self.directory / "total")
        self.assertEqual(self.run_program("compare.py", "--temporality", "delta", one)[0], 0)
        self.assertEqual(self.run_program("fold_deltas.py", "--out", total, one, two)[0], 0)
        self.assertEqual(self.run_program("compare.py", "--page", page, total)[0], 0)
        self.assertEqual(self.run_program("fold_deltas.py", "--out", total, two, one)[0], 1)


if __name__ == "__main__":
    unittest.main()
