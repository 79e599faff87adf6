use std::collections::BTreeSet;
use std::sync::Arc;

use geophone::export::prometheus::{Escaping, Exposition, Format, encode};
use geophone::snapshot::Family;

use crate::wire::delimited;
use crate::{expected, reader};

/// Families that go together come out in every format as what they are.
pub fn check(families: &[Arc<Family>]) {
    let exposition = Exposition::default();
    let expected = expected::samples(families, exposition.classic_buckets);
    for format in [
        Format::Text004,
        Format::OpenMetrics100(Escaping::AllowUtf8),
        Format::Protobuf(None),
    ] {
        let page = encode(format, families, &exposition).expect("series fit their descriptors");
        if let Format::Protobuf(_) = format {
            check_messages(&page, families);
            continue;
        }
        let found = samples(format, &page).samples().cloned().collect();
        expected::assert_same(&expected::sorted(found), &expected);
    }
}

/// A page is valid in its format.
pub fn check_valid(format: Format, page: &[u8]) {
    if let Format::Protobuf(_) = format {
        for message in delimited(page) {
            assert!(!message.string(1).is_empty() && !message.messages(4).is_empty());
        }
    } else {
        samples(format, page);
    }
}

fn samples(format: Format, page: &[u8]) -> reader::Page {
    let text = str::from_utf8(page).expect("UTF-8");
    match format {
        Format::OpenMetrics001 | Format::OpenMetrics100(_) => reader::read_openmetrics(text),
        _ => reader::read(text),
    }
}

/// By the numbers of `io/prometheus/client/metrics.proto`.
fn check_messages(page: &[u8], families: &[Arc<Family>]) {
    let messages = delimited(page);
    let families: Vec<_> = families.iter().filter(|it| !it.series.is_empty()).collect();
    assert_eq!(messages.len(), families.len());
    for (message, family) in messages.iter().zip(families) {
        assert_eq!(message.string(1), family.descriptor.name);
        let metrics = message.messages(4);
        assert_eq!(metrics.len(), family.series.len());
        let mut seen = BTreeSet::new();
        for (metric, series) in metrics.iter().zip(&family.series) {
            let pairs = metric.messages(1);
            let labels: Vec<_> = pairs
                .iter()
                .map(|it| (it.string(1), it.string(2)))
                .collect();
            let names = family.descriptor.labels.iter().cloned();
            let values = series.labels.iter().map(ToString::to_string);
            assert_eq!(labels, names.zip(values).collect::<Vec<_>>());
            assert!(seen.insert(labels), "a series comes twice");
        }
    }
}
