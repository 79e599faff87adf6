//! Field numbers below are those of `io/prometheus/client/metrics.proto`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use geophone::export::prometheus::{Exposition, Format, encode};
use geophone::snapshot::{Family, Histogram, Kind, Value};
use proptest::prelude::*;

use crate::wire::{Message, delimited};
use crate::{expected, sample};

fn page(families: &[Arc<Family>], classic_buckets: bool) -> Vec<u8> {
    encode(
        Format::Protobuf(None),
        families,
        &Exposition { classic_buckets },
    )
    .unwrap()
}

fn check_family(message: &Message<'_>, family: &Family, classic: bool) {
    let descriptor = &family.descriptor;
    assert_eq!(message.string(1), descriptor.name);
    assert_eq!(message.string(2), descriptor.help);
    let (kind, value_field) = match descriptor.kind {
        Kind::Counter => (0, 3),
        Kind::Gauge | Kind::Info => (1, 2),
        Kind::Histogram => (4, 7),
    };
    assert_eq!(message.unsigned(3), kind);
    let stem = descriptor.name.trim_end_matches("_total");
    let unit = descriptor.unit.as_str();
    let has_unit = descriptor.kind != Kind::Info && stem.ends_with(unit);
    assert_eq!(message.string(5), if has_unit { unit } else { "" });
    let metrics = message.messages(4);
    assert_eq!(metrics.len(), family.series.len());
    for (metric, series) in metrics.iter().zip(&family.series) {
        let labels: Vec<_> = metric
            .messages(1)
            .iter()
            .map(|l| (l.string(1), l.string(2)))
            .collect();
        let expected: Vec<_> = descriptor
            .labels
            .iter()
            .cloned()
            .zip(series.labels.iter().map(ToString::to_string))
            .collect();
        assert_eq!(labels, expected);
        assert!(
            metric
                .numbers()
                .all(|number| number == 1 || number == value_field)
        );
        let value = metric.message(value_field).expect("the value of its type");
        match &series.value {
            Value::Counter(total) => {
                assert_eq!(value.double(1), total.as_f64());
                check_start(&value.message(3).expect("a start"));
            }
            // The sign of zero is not kept: a zero is what an absent field means.
            Value::Gauge(gauge) => assert_eq!(value.double(1), *gauge),
            Value::Info => assert_eq!(value.double(1), 1.0),
            Value::Histogram(histogram) => {
                check_native(&value, histogram);
                check_classic(&value, histogram, descriptor.classic, classic);
                check_start(&value.message(15).expect("a start"));
            }
        }
    }
}

fn check_start(timestamp: &Message<'_>) {
    let since = sample::since().duration_since(UNIX_EPOCH).unwrap();
    assert_eq!(timestamp.unsigned(1), since.as_secs());
    assert_eq!(timestamp.unsigned(2), u64::from(since.subsec_nanos()));
}

fn check_native(message: &Message<'_>, histogram: &Histogram) {
    assert_eq!(message.unsigned(1), histogram.count);
    assert_eq!(message.double(2), histogram.sum);
    assert_eq!(message.signed(5), i64::from(histogram.schema));
    assert_eq!(message.double(6), histogram.zero_threshold);
    assert_eq!(message.unsigned(7), histogram.zero_count);
    let spans = message.messages(12);
    assert!(
        !spans.is_empty(),
        "without a span it would pass for a classic histogram"
    );
    let mut deltas = message.signed_list(13).into_iter();
    let (mut index, mut count) = (0, 0);
    let mut found = BTreeMap::new();
    for span in spans {
        index += span.signed(1);
        for _ in 0..span.unsigned(2) {
            count += deltas.next().expect("a delta for every bucket");
            if count != 0 {
                found.insert(index, u64::try_from(count).unwrap());
            }
            index += 1;
        }
    }
    assert_eq!(deltas.next(), None);
    assert_eq!(
        found.values().sum::<u64>() + histogram.zero_count,
        histogram.count
    );
    let expected: BTreeMap<i64, u64> = (i64::from(histogram.offset)..)
        .zip(histogram.buckets.iter().copied())
        .filter(|(_, count)| *count != 0)
        .collect();
    assert_eq!(found, expected);
}

fn check_classic(message: &Message<'_>, histogram: &Histogram, range: (i32, i32), classic: bool) {
    let found: Vec<_> = message
        .messages(3)
        .iter()
        .map(|bucket| (bucket.double(2), bucket.unsigned(1)))
        .collect();
    let expected: Vec<_> = (range.0..=range.1)
        .filter(|_| classic)
        .map(|exponent| (2f64.powi(exponent), expected::up_to(histogram, exponent)))
        .collect();
    assert_eq!(found, expected);
}

fn check_page(families: &[Arc<Family>], classic: bool) {
    let page = page(families, classic);
    let messages = delimited(&page);
    let families: Vec<_> = families.iter().filter(|f| !f.series.is_empty()).collect();
    assert_eq!(messages.len(), families.len());
    for (message, family) in messages.iter().zip(families) {
        check_family(message, family, classic);
    }
}

#[test]
fn the_sample_reads_back() {
    check_page(&sample::families(5000), true);
    check_page(&sample::families(5000), false);
}

proptest! {
    #[test]
    fn every_page_reads_back(families in crate::strategy::families(), classic: bool) {
        check_page(&families, classic);
    }
}
