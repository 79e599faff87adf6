import unittest

import samples
from comparing import invariants


def check(request, temporality="cumulative"):
    return list(invariants.check([request], temporality))


class Invariants(unittest.TestCase):
    def broken(self, change, says, histogram=samples.exponential):
        request = samples.export(histogram)
        self.assertEqual(check(request), [])
        change(request.resource_metrics[0])
        said = check(request)
        self.assertTrue(any(says in each for each in said), said)

    def metric(self, number, change, says, histogram=samples.exponential):
        self.broken(lambda about: change(about.scope_metrics[0].metrics[number]), says, histogram)

    def test_resource(self):
        self.broken(lambda about: about.resource.attributes.pop(), "no resource attribute os.type")
        self.broken(
            lambda about: about.resource.attributes[0].value.Clear(), "is no text, or empty"
        )
        self.broken(lambda about: about.resource.attributes.add(key="host.id"), "there twice")

    def test_resources(self):
        one, other = samples.export(), samples.empty()
        samples.counter(other, name="geophone.other")
        self.assertEqual(list(invariants.check([one, other])), [])
        other.resource_metrics[0].resource.attributes[0].value.string_value = "another"
        self.assertIn("requests are of different resources", list(invariants.check([one, other])))
        one.resource_metrics.add()
        self.assertIn("request 0: 2 ResourceMetrics, not 1", check(one))
        other.resource_metrics.pop()
        self.assertIn("request 0: 0 ResourceMetrics, not 1", check(other))

    def test_scope(self):
        self.broken(
            lambda about: about.scope_metrics[0].scope.ClearField("version"),
            "without name or version",
        )
        self.broken(
            lambda about: about.scope_metrics[0].scope.ClearField("name"), "without name or version"
        )
        self.broken(lambda about: about.scope_metrics.add(), "without metrics")
        self.broken(
            lambda about: about.scope_metrics.append(about.scope_metrics[0]),
            "a scope is there twice",
        )

    def test_metric(self):
        self.metric(0, lambda metric: metric.ClearField("name"), "no name of an instrument")
        self.metric(0, lambda metric: metric.ClearField("unit"), "unit ''")
        self.metric(0, lambda metric: setattr(metric, "unit", "per second"), "none of UCUM's")
        self.metric(0, lambda metric: metric.ClearField("description"), "no description")
        self.metric(0, lambda metric: metric.ClearField("data"), "no data points")
        self.metric(
            0, lambda metric: metric.sum.ClearField("aggregation_temporality"), "UNSPECIFIED"
        )
        self.metric(
            2,
            lambda metric: setattr(metric.exponential_histogram, "aggregation_temporality", 1),
            "DELTA",
        )

    def test_units_of_ucum(self):
        for unit in ("1", "s", "By", "{segment}", "By/s", "m/s2", "%", "{a}/s", "Cel"):
            self.assertTrue(invariants.UCUM.fullmatch(unit), unit)
        for unit in ("", "a b", "{", "{a b}", "s/", "By//s"):
            self.assertFalse(invariants.UCUM.fullmatch(unit), unit)

    def test_a_metric_is_one_message_of_a_request(self):
        self.broken(
            lambda about: about.scope_metrics[0].metrics.append(about.scope_metrics[0].metrics[0]),
            "two Metrics",
        )

    def test_a_metric_is_described_in_one_way(self):
        one, other = samples.export(), samples.empty()
        samples.counter(other, kind="c").unit = "{other}"
        self.assertIn("described in two ways", " ".join(invariants.check([one, other])))

    def test_series_are_there_once(self):
        one, other = samples.export(), samples.empty()
        samples.counter(other, kind="a")
        said = list(invariants.check([one, other]))
        self.assertEqual(said, ['geophone.test.events{kind="a"}: there 2 times'])

    def test_times(self):
        def first(**fields):
            return lambda metric: [
                setattr(metric.sum.data_points[0], *field) for field in fields.items()
            ]

        self.metric(0, first(start_time_unix_nano=0), "no start time")
        self.metric(0, first(start_time_unix_nano=samples.TIME + 1), "after its time")
        self.metric(0, first(time_unix_nano=0), "no time")
        self.metric(0, first(flags=1), "nothing was recorded")

    def test_values(self):
        self.metric(0, lambda metric: metric.sum.data_points[0].ClearField("as_int"), "no value")
        self.metric(
            0, lambda metric: setattr(metric.sum.data_points[0], "as_int", -1), "counted -1"
        )

    def test_attributes(self):
        def twice(metric):
            metric.sum.data_points[0].attributes.append(metric.sum.data_points[0].attributes[0])

        def number(metric):
            metric.sum.data_points[0].attributes[0].value.int_value = 1

        self.metric(0, twice, "an attribute is there twice")
        self.metric(0, number, "is no text")

    def test_explicit_buckets(self):
        def change(field, value):
            return lambda metric: setattr(metric.histogram.data_points[0], field, value)

        def counts(values):
            def put(metric):
                metric.histogram.data_points[0].bucket_counts[:] = values

            return put

        def bounds(metric):
            metric.histogram.data_points[0].explicit_bounds[:] = [1, 1, 2]

        self.metric(2, counts([1, 5, 1]), "3 buckets for 3 bounds", samples.explicit)
        self.metric(2, counts([1, 5, 1, 1]), "in buckets 8", samples.explicit)
        self.metric(2, bounds, "do not rise", samples.explicit)
        self.metric(2, change("max", 1.0), "has a max", samples.explicit)
        self.metric(
            2,
            lambda metric: metric.histogram.data_points[0].ClearField("sum"),
            "no sum",
            samples.explicit,
        )

    def test_exponential_buckets(self):
        def change(field, value):
            return lambda metric: setattr(metric.exponential_histogram.data_points[0], field, value)

        def negative(metric):
            metric.exponential_histogram.data_points[0].negative.bucket_counts.append(1)

        self.metric(2, change("zero_count", 2), "in buckets 8")
        self.metric(2, change("scale", 30), "scale 30")
        self.metric(2, change("zero_threshold", -1), "zero threshold")
        self.metric(2, change("min", 0.0), "has a min")
        self.metric(2, negative, "below zero")

    def test_temporality(self):
        request = samples.empty()
        samples.counter(request, temporality=samples.DELTA)
        samples.exponential(request)
        self.assertEqual(len(check(request)), 1)
        self.assertEqual(len(check(request, "delta")), 1)
        self.assertEqual(check(request, "any"), [])


if __name__ == "__main__":
    unittest.main()
