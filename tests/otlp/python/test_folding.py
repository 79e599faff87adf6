import unittest

import samples
from comparing import against_page, exported, invariants
from comparing.folding import Folding
from comparing.names import Names
from comparing.page import Page
from samples import DELTA, SECOND, START, TIME

BETWEEN = START + 30 * SECOND


def deltas():
    """Two exports that add up to samples.export()."""
    one, two = samples.empty(), samples.empty()
    metric = samples.counter(one, value=3, temporality=DELTA, start=START, time=BETWEEN, kind="a")
    samples.point(metric.sum, START, BETWEEN, kind='b "c"\n').as_int = 0
    samples.gauge(one, value=9)
    wait = samples.exponential(one, DELTA, start=START, time=BETWEEN, device="vda")
    point = wait.exponential_histogram.data_points[0]
    point.count, point.sum, point.zero_count = 2, 1.25, 0
    point.positive.offset = -1
    point.positive.bucket_counts[:] = [2]

    metric = samples.counter(two, value=2, temporality=DELTA, start=BETWEEN, time=TIME, kind="a")
    samples.point(metric.sum, BETWEEN, TIME, kind='b "c"\n').as_int = 0
    samples.gauge(two)
    wait = samples.exponential(two, DELTA, start=BETWEEN, time=TIME, device="vda")
    point = wait.exponential_histogram.data_points[0]
    point.count, point.sum = 5, 3.0
    point.positive.bucket_counts[:] = [2, 1, 1]
    return one, two


def fold(*requests, **options):
    folding = Folding(**options)
    for request in requests:
        folding.add(request)
    return folding


def first(request):
    return request.resource_metrics[0].scope_metrics[0].metrics[0].sum.data_points[0]


class Sums(unittest.TestCase):
    def test_totals_are_those_of_the_page(self):
        folding = fold(*deltas())
        self.assertEqual(folding.said, [])
        total = folding.total()
        self.assertEqual(list(invariants.check([total])), [])
        metrics, _ = exported.collect([total], Names())
        self.assertEqual(list(against_page.text(metrics, Page(samples.PAGE))), [])
        self.assertEqual(first(total).start_time_unix_nano, START)
        self.assertEqual(first(total).time_unix_nano, TIME)

    def test_gaps_and_overlaps(self):
        for shift, word in ((1, "a gap"), (-1, "an overlap")):
            one, two = deltas()
            first(two).start_time_unix_nano = BETWEEN + shift
            said = fold(one, two).said
            self.assertEqual(len(said), 1, said)
            self.assertIn(word, said[0])

    def test_an_export_that_is_missing_is_a_gap(self):
        one, two = deltas()
        three = samples.empty()
        samples.counter(three, temporality=DELTA, start=TIME, time=TIME + 1, kind="a")
        self.assertEqual(fold(one, two, three).said, [])
        self.assertEqual(len(fold(one, three).said), 1)

    def test_an_export_that_came_twice_is_an_overlap(self):
        one, two = deltas()
        self.assertIn("an overlap", " ".join(fold(one, two, two).said))

    def test_restarts(self):
        one, two = deltas()
        first(two).start_time_unix_nano = BETWEEN + 1
        folding = fold(one, two, restarts=True)
        self.assertEqual(folding.said, [])
        self.assertEqual(first(folding.total()).as_int, 2)
        first(two).start_time_unix_nano = BETWEEN - 1
        self.assertEqual(len(fold(one, two, restarts=True).said), 1)

    def test_explicit_buckets(self):
        one, two = samples.empty(), samples.empty()
        samples.explicit(one, DELTA, start=START, time=BETWEEN)
        samples.explicit(two, DELTA, start=BETWEEN, time=TIME)
        folding = fold(one, two)
        self.assertEqual(folding.said, [])
        metric = folding.total().resource_metrics[0].scope_metrics[0].metrics[0]
        point = metric.histogram.data_points[0]
        self.assertEqual(
            (point.count, point.sum, list(point.bucket_counts)), (14, 8.5, [2, 10, 2, 0])
        )

    def test_shapes_that_change(self):
        one, two = deltas()
        wait = two.resource_metrics[0].scope_metrics[0].metrics[2]
        wait.exponential_histogram.data_points[0].scale = 0
        self.assertIn("scale", " ".join(fold(one, two).said))


if __name__ == "__main__":
    unittest.main()
