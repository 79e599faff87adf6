import math
import unittest

import samples
from comparing import against_page, buckets, exported, native, requests
from comparing.names import Names
from comparing.page import Page


def metrics(request):
    found, said = exported.collect([request], Names())
    assert not said, said
    return found


def text(request, page=samples.PAGE, **options):
    page = Page(page)
    return page.said + list(against_page.text(metrics(request), page, **options))


def series(request, number):
    return requests.points(request.resource_metrics[0].scope_metrics[0].metrics[number])


class TextPage(unittest.TestCase):
    def test_the_same(self):
        for histogram in (samples.exponential, samples.explicit):
            for page in (samples.PAGE, samples.OPENMETRICS):
                self.assertEqual(text(samples.export(histogram), page), [])

    def differs(self, old, new, says, histogram=samples.exponential):
        """A page that has one thing otherwise is found to differ, in just that thing."""
        for page in (samples.PAGE, samples.OPENMETRICS):
            changed = page.replace(old, new)
            if changed == page:
                continue
            said = text(samples.export(histogram), changed)
            self.assertEqual(len(said), 1, said)
            self.assertIn(says, said[0])
            return
        self.fail(f"{old} is on no page")

    def test_numbers(self):
        self.differs('{kind="a"} 5', '{kind="a"} 6', 'events_total{kind="a"}: 5, on the page 6')
        self.differs("level 0.5", "level 0.5000000000000001", "on the page 0.5000000000000001")

    def test_series(self):
        self.differs('geophone_test_events_total{kind="a"} 5\n', "", "not on the page")
        self.differs(
            "geophone_test_level 0.5\n",
            'geophone_test_level 0.5\ngeophone_test_level{a="b"} 1\n',
            "not over OTLP",
        )

    def test_metrics(self):
        self.differs(
            "# EOF", "# TYPE more gauge\nmore 1\n# EOF", "more: on the page, not over OTLP"
        )
        request = samples.export()
        samples.gauge(request, name="geophone.more")
        self.assertEqual(text(request), ["geophone_more: geophone.more is not on the page"])
        self.assertEqual(text(request, ignore=lambda name: name == "geophone_more"), [])

    def test_kinds_and_help(self):
        self.differs(
            "TYPE geophone_test_level gauge",
            "TYPE geophone_test_level untyped",
            "gauge, on the page unknown",
        )
        self.differs(
            "HELP geophone_test_level What", "HELP geophone_test_level That", "description"
        )

    def test_labels(self):
        request = samples.export()
        series(request, 0)[0].attributes[0].value.string_value = "z"
        said = text(request)
        self.assertEqual(len(said), 2, said)

    def test_histograms(self):
        for histogram in (samples.exponential, samples.explicit):
            self.differs('le="0.5"} 1', 'le="0.5"} 2', "1 up to 0.5, on the page 2", histogram)
            self.differs("} 4.25", "} 4.250000000000001", "sum 4.25", histogram)
        self.differs('le="1"', 'le="0.75"', "no power of two")
        self.differs('le="1"', 'le="0.75"', "bounds", samples.explicit)

    def test_counts(self):
        request = samples.export()
        series(request, 2)[0].count = 8
        self.assertIn("count 8", " ".join(text(request)))

    def test_pages_that_contradict_themselves(self):
        page = samples.PAGE.replace('_count{device="vda"} 7', '_count{device="vda"} 8')
        self.assertIn("not the count on the page", " ".join(text(samples.export(), page)))
        twice = samples.PAGE.replace("level 0.5\n", "level 0.5\ngeophone_test_level 0.5\n")
        self.assertIn("twice on the page", " ".join(text(samples.export(), twice)))

    def test_tolerance(self):
        page = samples.PAGE.replace("} 4.25", "} 4.2500000001")
        self.assertEqual(text(samples.export(), page, tolerance=1e-9), [])
        self.assertEqual(len(text(samples.export(), page, tolerance=1e-12)), 1)


class Buckets(unittest.TestCase):
    def test_powers_of_two(self):
        for exponent in (-30, -1, 0, 5, 40):
            self.assertEqual(buckets.power_of_two(2.0**exponent), exponent)
        for number in (0.0, 0.3, 3.0, 1.5, -2.0):
            self.assertIsNone(buckets.power_of_two(number))

    def point(self, **fields):
        request = samples.empty()
        point = samples.exponential(request).exponential_histogram.data_points[0]
        for field, value in fields.items():
            setattr(point, field, value)
        return point

    def test_upper_edges_are_inside(self):
        # At scale 0, index 0 is (1, 2].
        counts, said = buckets.exponential(self.point(scale=0), [0.25, 0.5, 1, 2, math.inf])
        self.assertEqual(said, [])
        self.assertEqual(counts, {0.25: 1, 0.5: 3, 1: 6, 2: 7, math.inf: 7})

    def test_coarse_buckets_lie_across_edges(self):
        # At scale -1, index 0 is (1, 4].
        _, said = buckets.exponential(self.point(scale=-1), [2])
        self.assertEqual(said, ["a bucket lies across edge 2"])
        _, said = buckets.exponential(self.point(zero_threshold=0.75), [0.5])
        self.assertEqual(len(said), 1)


def protobuf_page():
    wait = native.CLASSES["MetricFamily"](name="geophone_test_wait_seconds", type=4)
    metric = wait.metric.add()
    metric.label.add(name="device", value="vda")
    histogram = metric.histogram
    histogram.sample_count, histogram.sample_sum, histogram.schema = 7, 4.25, 1
    histogram.zero_threshold, histogram.zero_count = 2**-30, 1
    # Counts 2, 3, 1: OTLP's indices -2, -1, 0.
    histogram.positive_span.add(offset=-1, length=2)
    histogram.positive_span.add(offset=0, length=1)
    histogram.positive_delta.extend([2, 1, -2])
    histogram.created_timestamp.seconds = 1_700_000_000
    events = native.CLASSES["MetricFamily"](name="geophone_test_events_total", type=0)
    for kind, value in (("a", 5), ('b "c"\n', 0)):
        metric = events.metric.add()
        metric.label.add(name="kind", value=kind)
        metric.counter.value = value
        metric.counter.created_timestamp.seconds = 1_700_000_000
    level = native.CLASSES["MetricFamily"](name="geophone_test_level", type=1)
    level.metric.add().gauge.value = 0.5
    return [events, level, wait]


class ProtobufPage(unittest.TestCase):
    def said(self, families, histogram=samples.exponential, **options):
        data = requests.joined([family.SerializeToString() for family in families])
        return list(against_page.protobuf(metrics(samples.export(histogram)), data, **options))

    def test_the_same(self):
        self.assertEqual(self.said(protobuf_page()), [])
        self.assertEqual(self.said(protobuf_page(), samples.explicit), [])

    def test_histograms(self):
        for field, value, says in [
            ("schema", 2, "schema 1, on the protobuf page 2"),
            ("zero_threshold", 1.0, "zero threshold"),
            ("zero_count", 2, "zero count 1"),
            ("sample_count", 8, "count 7"),
            ("sample_sum", 1.0, "sum 4.25"),
        ]:
            page = protobuf_page()
            setattr(page[2].metric[0].histogram, field, value)
            said = self.said(page)
            self.assertEqual(len(said), 1, said)
            self.assertIn(says, said[0])

    def test_buckets(self):
        page = protobuf_page()
        page[2].metric[0].histogram.positive_delta[2] = -1
        self.assertEqual(
            self.said(page),
            [
                'geophone_test_wait_seconds{device="vda"}: native bucket 1 has 1, on the protobuf page 2'
            ],
        )
        page = protobuf_page()
        page[2].metric[0].histogram.positive_span[0].offset = -2
        self.assertEqual(len(self.said(page)), 4)

    def test_starts(self):
        page = protobuf_page()
        page[0].metric[0].counter.created_timestamp.nanos = 1
        said = self.said(page)
        self.assertEqual(len(said), 1, said)
        self.assertIn("starts at", said[0])
        self.assertEqual(self.said(page, starts=False), [])

    def test_series(self):
        self.assertIn("only over OTLP", self.said(protobuf_page()[1:])[0])
        page = protobuf_page()
        page[1].metric[0].label.add(name="a", value="b")
        self.assertEqual(len(self.said(page)), 2)
        page = protobuf_page()
        page[1].metric.add().CopyFrom(page[1].metric[0])
        self.assertIn("twice", self.said(page)[0])

    def test_what_is_unknown_is_not_passed_over(self):
        data = requests.joined([protobuf_page()[0].SerializeToString() + b"\x98\x06\x01"])
        with self.assertRaisesRegex(ValueError, "does not know"):
            list(native.read(data))


if __name__ == "__main__":
    unittest.main()
