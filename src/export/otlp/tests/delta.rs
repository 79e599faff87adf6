use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value::AsInt;
use opentelemetry_proto::tonic::metrics::v1::{ExponentialHistogramDataPoint, NumberDataPoint};
use std::sync::Arc;

use super::samples::{counter, descriptor, encode, encoding, family, histogram, metrics, snapshot};
use crate::export::otlp::{Baseline, HistogramAggregation, Request, Temporality};
use crate::snapshot::{Kind, Snapshot, Value};

fn runs(taken: u64, series: Vec<(&str, u64, Value)>) -> Arc<Snapshot> {
    let about = descriptor("runs", Kind::Counter, Some("m"));
    snapshot(taken, vec![family(about, series)])
}

fn waits(taken: u64, since: u64, value: Value) -> Arc<Snapshot> {
    let about = descriptor("waits", Kind::Histogram, Some("m"));
    snapshot(taken, vec![family(about, vec![("a", since, value)])])
}

/// The requests as delta; the receiver takes them if `told`.
fn send(snapshot: &Arc<Snapshot>, baseline: &mut Baseline, told: bool) -> Vec<Request> {
    let encoding = encoding(Temporality::Delta, HistogramAggregation::Exponential);
    let (requests, unfit) = encode(snapshot, &encoding, baseline);
    assert_eq!(unfit, 0);
    for request in &requests {
        if told {
            baseline.told(encoding.shape, snapshot, &request.parts);
        }
    }
    baseline.forget_gone(snapshot);
    requests
}

fn numbers(requests: &[Request]) -> Vec<NumberDataPoint> {
    let mut points = Vec::new();
    for (_, metric) in requests.iter().flat_map(metrics) {
        let Some(Data::Sum(sum)) = metric.data else {
            panic!("a sum")
        };
        assert_eq!(sum.aggregation_temporality, 1, "delta");
        points.extend(sum.data_points);
    }
    points
}

/// Start and end in seconds, and the value.
fn told(requests: &[Request]) -> Vec<(u64, u64, i64)> {
    let one = |point: NumberDataPoint| {
        let Some(AsInt(value)) = point.value else {
            panic!("an integer")
        };
        let second = |nanos: u64| nanos / 1_000_000_000;
        (
            second(point.start_time_unix_nano),
            second(point.time_unix_nano),
            value,
        )
    };
    numbers(requests).into_iter().map(one).collect()
}

fn point(requests: &[Request]) -> ExponentialHistogramDataPoint {
    match metrics(&requests[0]).remove(0).1.data {
        Some(Data::ExponentialHistogram(it)) => it.data_points[0].clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_delta_begins_where_the_last_one_ended() {
    let mut baseline = Baseline::default();
    let first = send(&runs(100, vec![("a", 10, counter(7))]), &mut baseline, true);
    assert_eq!(told(&first), [(10, 100, 7)]);
    let second = send(&runs(200, vec![("a", 10, counter(9))]), &mut baseline, true);
    assert_eq!(told(&second), [(100, 200, 2)]);
    let third = send(&runs(300, vec![("a", 10, counter(9))]), &mut baseline, true);
    assert_eq!(told(&third), [(200, 300, 0)]);
}

#[test]
fn what_was_not_received_is_in_the_next_one() {
    let mut baseline = Baseline::default();
    send(&runs(100, vec![("a", 10, counter(7))]), &mut baseline, true);
    send(
        &runs(200, vec![("a", 10, counter(9))]),
        &mut baseline,
        false,
    );
    let third = send(
        &runs(300, vec![("a", 10, counter(20))]),
        &mut baseline,
        true,
    );
    assert_eq!(told(&third), [(100, 300, 13)]);
}

#[test]
fn a_series_that_began_anew_is_told_whole() {
    let mut baseline = Baseline::default();
    send(&runs(100, vec![("a", 10, counter(7))]), &mut baseline, true);
    let again = send(
        &runs(200, vec![("a", 150, counter(8))]),
        &mut baseline,
        true,
    );
    assert_eq!(told(&again), [(150, 200, 8)]);
}

#[test]
fn a_total_that_fell_is_told_whole_since_the_last_one() {
    let mut baseline = Baseline::default();
    send(&runs(100, vec![("a", 10, counter(7))]), &mut baseline, true);
    let again = send(&runs(200, vec![("a", 10, counter(3))]), &mut baseline, true);
    assert_eq!(told(&again), [(100, 200, 3)]);
}

#[test]
fn a_series_that_went_and_came_back_is_told_whole() {
    let mut baseline = Baseline::default();
    let both = vec![("a", 10, counter(7)), ("b", 10, counter(5))];
    send(&runs(100, both), &mut baseline, true);
    send(&runs(200, vec![("a", 10, counter(7))]), &mut baseline, true);
    let both = vec![("a", 10, counter(8)), ("b", 250, counter(1))];
    let back = send(&runs(300, both), &mut baseline, true);
    assert_eq!(told(&back), [(200, 300, 1), (250, 300, 1)]);
}

#[test]
fn a_series_that_is_absent_once_is_not_told_whole_again() {
    let mut baseline = Baseline::default();
    send(&runs(100, vec![("a", 10, counter(7))]), &mut baseline, true);
    assert!(send(&snapshot(200, vec![]), &mut baseline, true).is_empty());
    let back = send(&runs(300, vec![("a", 10, counter(9))]), &mut baseline, true);
    assert_eq!(told(&back), [(100, 300, 2)]);
}

#[test]
fn those_that_are_absent_for_longest_are_forgotten() {
    let mut baseline = Baseline::default();
    let names: Vec<String> = (0..5000).map(|it| format!("{it}")).collect();
    let series = names.iter().map(|name| (&**name, 10, counter(1)));
    send(&runs(100, series.collect()), &mut baseline, true);
    send(&runs(200, vec![("b", 10, counter(2))]), &mut baseline, true);
    assert_eq!(baseline.len(), 1, "of equal age all go");
    send(&runs(300, vec![("c", 10, counter(3))]), &mut baseline, true);
    assert_eq!(baseline.len(), 2);
}

#[test]
fn a_clock_that_is_set_back_ends_nothing_before_it_begins() {
    let mut baseline = Baseline::default();
    send(&runs(100, vec![("a", 10, counter(7))]), &mut baseline, true);
    let later = send(&runs(50, vec![("a", 10, counter(9))]), &mut baseline, true);
    assert_eq!(told(&later), [(50, 50, 2)]);
}

#[test]
fn a_late_module_is_not_gone() {
    let mut baseline = Baseline::default();
    send(&runs(100, vec![("a", 10, counter(7))]), &mut baseline, true);
    let late = Arc::new(Snapshot {
        late: vec!["m".into()],
        ..(*snapshot(200, vec![])).clone()
    });
    assert!(send(&late, &mut baseline, true).is_empty());
    let back = send(&runs(300, vec![("a", 10, counter(9))]), &mut baseline, true);
    assert_eq!(told(&back), [(100, 300, 2)]);
}

#[test]
fn histograms_are_subtracted_bucket_by_bucket() {
    let mut baseline = Baseline::default();
    send(
        &waits(100, 10, histogram(3, &[1, 2], 1.5)),
        &mut baseline,
        true,
    );
    let wider = histogram(2, &[0, 1, 5, 4], 4.0);
    let point = point(&send(&waits(200, 10, wider), &mut baseline, true));
    assert_eq!(
        (point.count, point.zero_count, point.sum),
        (7, 0, Some(2.5))
    );
    let positive = point.positive.unwrap();
    assert_eq!((positive.offset, positive.bucket_counts), (3, vec![3, 4]));
}

#[test]
fn a_histogram_without_change_has_no_buckets() {
    let mut baseline = Baseline::default();
    let same = || histogram(3, &[1, 2], 1.5);
    send(&waits(100, 10, same()), &mut baseline, true);
    let point = point(&send(&waits(200, 10, same()), &mut baseline, true));
    assert_eq!(
        (point.count, point.positive, point.sum),
        (0, None, Some(0.0))
    );
}

#[test]
fn little_memory_is_totals_of_counters_and_deltas_of_histograms() {
    let encoding = encoding(Temporality::LowMemory, HistogramAggregation::Exponential);
    let families = vec![
        family(
            descriptor("runs", Kind::Counter, None),
            vec![("a", 1, counter(1))],
        ),
        family(
            descriptor("waits", Kind::Histogram, None),
            vec![("a", 1, histogram(0, &[1], 1.0))],
        ),
    ];
    let (requests, _) = encode(&snapshot(2, families), &encoding, &Baseline::default());
    let all = metrics(&requests[0]);
    assert!(matches!(&all[0].1.data, Some(Data::Sum(sum)) if sum.aggregation_temporality == 2));
    assert!(matches!(
        &all[1].1.data,
        Some(Data::ExponentialHistogram(it)) if it.aggregation_temporality == 1
    ));
}
