import unittest
from pathlib import Path

from comparing.names import Names, translate

REFERENCE = """
### `geophone_build_info`
- info, stable
- OTLP: `geophone.build`, unit `1`
### `process_open_fds`
- gauge, stable
- OTLP: `process.open_file_descriptor.count`, unit `{file_descriptor}`
### `geophone_odd_name`
- gauge, stable
- OTLP: `geophone.plain`, unit `{thing}`
"""


class Translation(unittest.TestCase):
    def test_suffixes_are_those_of_prometheus(self):
        for name, unit, kind, expected in [
            ("geophone.runqueue.wait", "s", "histogram", "geophone_runqueue_wait_seconds"),
            ("geophone.block_io", "By", "counter", "geophone_block_io_bytes_total"),
            ("geophone.cuda.bytes", "By", "counter", "geophone_cuda_bytes_total"),
            ("a.total.b", "{thing}", "counter", "a_b_total"),
            ("a.share", "1", "gauge", "a_share_ratio"),
            ("a.share", "1", "counter", "a_share_total"),
            ("a..b-c", "{x}", "gauge", "a_b_c"),
            ("2.b", "{x}", "gauge", "_2_b"),
        ]:
            with self.subTest(name=name):
                self.assertEqual(translate(name, unit, kind), expected)

    def test_an_unknown_unit_is_not_guessed_at(self):
        with self.assertRaisesRegex(ValueError, "unit 'ms'"):
            translate("a", "ms", "gauge")

    def test_names_without_a_rule_are_in_the_reference(self):
        names = Names(REFERENCE)
        self.assertEqual(
            names.prometheus("geophone.build", "1", "gauge"), ("geophone_build_info", [])
        )
        found = names.prometheus("process.open_file_descriptor.count", "{file_descriptor}", "gauge")
        self.assertEqual(found, ("process_open_fds", []))

    def test_a_reference_that_says_otherwise_is_a_difference(self):
        name, said = Names(REFERENCE).prometheus("geophone.plain", "{other}", "gauge")
        self.assertEqual(name, "geophone_plain")
        self.assertEqual(len(said), 2, said)

    def test_the_reference_of_the_product_is_read(self):
        path = Path(__file__).resolve().parents[3] / "docs/metrics.md"
        names = Names(path.read_text())
        self.assertGreater(len(names.documented), 100)
        for otlp, (name, kind, unit) in names.documented.items():
            kind = "gauge" if kind == "info" else kind
            self.assertEqual(names.prometheus(otlp, unit, kind), (name, []))


if __name__ == "__main__":
    unittest.main()
