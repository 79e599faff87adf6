use std::sync::Arc;

use opentelemetry_proto::tonic::common::v1::any_value;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point;
use proptest::prelude::*;

use super::samples::{
    counter, decode, descriptor, encode, encoding, family, histogram, metrics, snapshot,
};
use crate::export::otlp::{Baseline, HistogramAggregation, Temporality};
use crate::snapshot::{Family, Kind, Snapshot, Value};

fn one_of_each() -> Arc<Snapshot> {
    let about = |name, kind, module| descriptor(name, kind, module);
    let waits = histogram(-1, &[1, 0, 2, 4], 9.5);
    snapshot(
        100,
        vec![
            family(
                about("runs", Kind::Counter, Some("m")),
                vec![("a", 10, counter(7))],
            ),
            family(
                about("waits", Kind::Histogram, Some("m")),
                vec![("a", 10, waits)],
            ),
            family(about("none", Kind::Counter, Some("m")), vec![]),
            family(
                about("depth", Kind::Gauge, Some("n")),
                vec![("a", 10, Value::Gauge(0.5))],
            ),
            family(
                about("build", Kind::Info, None),
                vec![("a", 10, Value::Info)],
            ),
        ],
    )
}

#[test]
fn scopes_are_the_modules() {
    let encoding = encoding(Temporality::Cumulative, HistogramAggregation::Exponential);
    let (requests, unfit) = encode(&one_of_each(), &encoding, &Baseline::default());
    assert_eq!((requests.len(), requests[0].points, unfit), (1, 4, 0));
    let names: Vec<(String, String)> = metrics(&requests[0])
        .into_iter()
        .map(|(scope, metric)| (scope, metric.name))
        .collect();
    let expected = [
        ("geophone.m", "runs"),
        ("geophone.m", "waits"),
        ("geophone.n", "depth"),
        ("geophone", "build"),
    ];
    assert_eq!(
        names,
        expected.map(|(scope, name)| (scope.to_owned(), name.to_owned()))
    );
    assert_eq!(
        decode(&requests[0]).resource_metrics[0].scope_metrics.len(),
        3
    );
}

#[test]
fn points_say_what_the_snapshot_says() {
    let encoding = encoding(Temporality::Cumulative, HistogramAggregation::Exponential);
    let (requests, _) = encode(&one_of_each(), &encoding, &Baseline::default());
    let all = metrics(&requests[0]);
    let Some(Data::Sum(sum)) = &all[0].1.data else {
        panic!("runs is a sum")
    };
    assert!(sum.is_monotonic);
    assert_eq!(sum.aggregation_temporality, 2, "cumulative");
    let point = &sum.data_points[0];
    assert_eq!(point.value, Some(number_data_point::Value::AsInt(7)));
    assert_eq!(point.start_time_unix_nano, 10_000_000_000);
    assert_eq!(point.time_unix_nano, 100_000_000_000);
    assert_eq!(point.attributes[0].key, "device");
    let value = point.attributes[0].value.clone().unwrap().value.unwrap();
    assert_eq!(value, any_value::Value::StringValue("a".into()));

    let Some(Data::ExponentialHistogram(waits)) = &all[1].1.data else {
        panic!("waits is an exponential histogram")
    };
    let point = &waits.data_points[0];
    let positive = point.positive.clone().unwrap();
    // Prometheus' bucket -1 at schema 0 is (1/4, 1/2], which is OTLP's -2.
    assert_eq!(
        (positive.offset, positive.bucket_counts),
        (-2, vec![1, 0, 2, 4])
    );
    assert_eq!((point.count, point.zero_count, point.scale), (8, 1, 0));
    assert_eq!((point.sum, point.min, point.max), (Some(9.5), None, None));

    let Some(Data::Gauge(depth)) = &all[2].1.data else {
        panic!("depth is a gauge")
    };
    let point = &depth.data_points[0];
    assert_eq!(point.value, Some(number_data_point::Value::AsDouble(0.5)));
    assert_eq!(point.start_time_unix_nano, 0);
    assert!(
        matches!(&all[3].1.data, Some(Data::Gauge(_))),
        "info is a gauge"
    );
}

#[test]
fn explicit_buckets_are_those_at_powers_of_two() {
    let encoding = encoding(Temporality::Cumulative, HistogramAggregation::Explicit);
    let (requests, _) = encode(&one_of_each(), &encoding, &Baseline::default());
    let Some(Data::Histogram(waits)) = &metrics(&requests[0])[1].1.data else {
        panic!("waits is a histogram")
    };
    let point = &waits.data_points[0];
    assert_eq!(point.explicit_bounds, [0.5, 1.0, 2.0, 4.0]);
    // The zero bucket and (1/4, 1/2] lie below the first edge.
    assert_eq!(point.bucket_counts, [2, 0, 2, 4, 0]);
    assert_eq!((point.count, point.sum), (8, Some(9.5)));
}

#[test]
fn what_contradicts_its_description_costs_itself_alone() {
    let about = descriptor("runs", Kind::Counter, None);
    let wrong = Value::Gauge(1.0);
    let series = vec![("a", 1, counter(1)), ("b", 1, wrong), ("c", 1, counter(3))];
    let snapshot = snapshot(2, vec![family(about, series)]);
    let encoding = encoding(Temporality::Cumulative, HistogramAggregation::Exponential);
    let (requests, unfit) = encode(&snapshot, &encoding, &Baseline::default());
    let points: u64 = requests.iter().map(|request| request.points).sum();
    assert_eq!((points, unfit), (2, 1));
}

#[test]
fn what_no_request_can_hold_costs_itself_alone() {
    let about = descriptor("runs", Kind::Counter, None);
    let long = "x".repeat(10_000);
    let series = vec![
        ("a", 1, counter(1)),
        (&*long, 1, counter(2)),
        ("c", 1, counter(3)),
    ];
    let snapshot = snapshot(2, vec![family(about, series)]);
    let mut encoding = encoding(Temporality::Cumulative, HistogramAggregation::Exponential);
    encoding.max_request_bytes = 1000;
    let (requests, unfit) = encode(&snapshot, &encoding, &Baseline::default());
    let points: u64 = requests.iter().map(|request| request.points).sum();
    assert_eq!((points, unfit), (2, 1));
}

fn families() -> impl Strategy<Value = Vec<Arc<Family>>> {
    let series = prop::collection::vec(("[a-z]{0,40}", any::<u64>()), 0..400);
    let family_of = |(module, series): (Option<u8>, Vec<(String, u64)>)| {
        let module = module.map(|module| format!("m{}", module % 3));
        let about = descriptor("runs", Kind::Counter, module.as_deref());
        let series = series
            .iter()
            .map(|(label, value)| (&**label, 1, counter(*value)));
        family(about, series.collect())
    };
    prop::collection::vec((any::<Option<u8>>(), series).prop_map(family_of), 0..6)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn requests_keep_to_their_size_and_lose_nothing(families in families(), most in 300_usize..60_000) {
        let snapshot = snapshot(2, families);
        let mut encoding = encoding(Temporality::Cumulative, HistogramAggregation::Exponential);
        encoding.max_request_bytes = most;
        let (requests, unfit) = encode(&snapshot, &encoding, &Baseline::default());
        prop_assert_eq!(unfit, 0);
        let mut found = Vec::new();
        for request in &requests {
            prop_assert!(request.body.len() <= most);
            prop_assert!(request.points > 0);
            for (scope, metric) in metrics(request) {
                let Some(Data::Sum(sum)) = metric.data else { panic!("a sum") };
                found.extend(sum.data_points.into_iter().map(|point| (scope.clone(), point.value)));
            }
        }
        let value = |value: &Value| match value {
            Value::Counter(total) => total.as_f64(),
            _ => f64::NAN,
        };
        let expected: Vec<f64> = snapshot.families.iter()
            .flat_map(|family| family.series.iter().map(|series| value(&series.value)))
            .collect();
        let found: Vec<f64> = found.into_iter().map(|(_, value)| match value {
            Some(number_data_point::Value::AsInt(value)) => value as f64,
            Some(number_data_point::Value::AsDouble(value)) => value,
            None => f64::NAN,
        }).collect();
        prop_assert_eq!(found, expected);
    }
}
