use super::super::Exposition;
use super::super::number::{push_canonical, push_float, push_integer};
use super::{Dialect, write_name};
use crate::snapshot::{Descriptor, Histogram};

/// The classic buckets of a family: all its series have the same, so their text is made once.
pub(super) struct Edges {
    range: Option<(i32, i32)>,
    text: Vec<Vec<u8>>,
}

impl Edges {
    pub(super) fn new(dialect: Dialect, descriptor: &Descriptor, exposition: Exposition) -> Self {
        if !exposition.classic_buckets || descriptor.kind != crate::snapshot::Kind::Histogram {
            return Self {
                range: None,
                text: Vec::new(),
            };
        }
        let (first, last) = descriptor.classic;
        let text = (first..=last)
            .map(|exponent| {
                let mut text = Vec::new();
                match dialect {
                    Dialect::Prometheus => push_float(&mut text, 2f64.powi(exponent)),
                    Dialect::OpenMetrics => push_canonical(&mut text, 2f64.powi(exponent)),
                }
                text
            })
            .collect();
        Self {
            range: Some((first, last)),
            text,
        }
    }
}

/// Buckets in rising order, `+Inf` last and equal to the count, then sum and count.
pub(super) fn write(
    out: &mut Vec<u8>,
    name: &str,
    labels: &[u8],
    histogram: &Histogram,
    edges: &Edges,
) {
    let cumulative = edges.range.map_or_else(Vec::new, |(first, last)| {
        histogram.at_powers_of_two(first, last)
    });
    for (edge, (_, count)) in edges.text.iter().zip(cumulative) {
        write_bucket(out, name, labels, edge, count);
    }
    write_bucket(out, name, labels, b"+Inf", histogram.count);
    write_name(out, name, "_sum", labels);
    push_float(out, histogram.sum);
    out.push(b'\n');
    write_name(out, name, "_count", labels);
    push_integer(out, histogram.count);
    out.push(b'\n');
}

fn write_bucket(out: &mut Vec<u8>, name: &str, labels: &[u8], edge: &[u8], count: u64) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"_bucket{");
    if !labels.is_empty() {
        out.extend_from_slice(labels);
        out.push(b',');
    }
    out.extend_from_slice(b"le=\"");
    out.extend_from_slice(edge);
    out.extend_from_slice(b"\"} ");
    push_integer(out, count);
    out.push(b'\n');
}
