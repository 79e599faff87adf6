//! Prometheus text (0.0.4, 1.0.0) and OpenMetrics text (0.0.1, 1.0.0).

mod escape;
mod histogram;
mod metadata;

use std::sync::Arc;

use super::number::{push_float, push_integer};
use super::{EncodeError, Exposition};
use crate::export::check::check;
use crate::snapshot::{Descriptor, Family, Number, Series, Value};
use histogram::Edges;

/// The two families of text formats. Versions within one differ in nothing written here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    Prometheus,
    OpenMetrics,
}

/// A sample line is about this long; only the first allocation depends on it.
const TYPICAL_LINE: usize = 80;

pub(super) fn write(
    dialect: Dialect,
    families: &[Arc<Family>],
    exposition: Exposition,
) -> Result<Vec<u8>, EncodeError> {
    let lines: usize = families.iter().map(|family| 3 + family.series.len()).sum();
    let mut out = Vec::with_capacity(lines * TYPICAL_LINE);
    for family in families.iter().filter(|family| !family.series.is_empty()) {
        write_family(&mut out, dialect, family, exposition)?;
    }
    if dialect == Dialect::OpenMetrics {
        out.extend_from_slice(b"# EOF\n");
    }
    Ok(out)
}

fn write_family(
    out: &mut Vec<u8>,
    dialect: Dialect,
    family: &Family,
    exposition: Exposition,
) -> Result<(), EncodeError> {
    let descriptor = &*family.descriptor;
    metadata::write(out, dialect, descriptor);
    let edges = Edges::new(dialect, descriptor, exposition);
    let mut labels = Vec::new();
    for series in &family.series {
        check(descriptor, series)?;
        labels.clear();
        write_labels(&mut labels, descriptor, series);
        match &series.value {
            Value::Histogram(value) => {
                histogram::write(out, &descriptor.name, &labels, value, &edges);
            }
            value => {
                write_name(out, &descriptor.name, "", &labels);
                match value {
                    Value::Counter(Number::Integer(total)) => push_integer(out, *total),
                    Value::Counter(Number::Real(value)) | Value::Gauge(value) => {
                        push_float(out, *value);
                    }
                    Value::Info | Value::Histogram(_) => out.push(b'1'),
                }
                out.push(b'\n');
            }
        }
    }
    Ok(())
}

/// `name="value",…` without braces.
fn write_labels(out: &mut Vec<u8>, descriptor: &Descriptor, series: &Series) {
    for (name, value) in descriptor.labels.iter().zip(&series.labels) {
        if !out.is_empty() {
            out.push(b',');
        }
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"=\"");
        escape::push(out, value, escape::QUOTED);
        out.push(b'"');
    }
}

/// Everything of a sample line that comes before the value.
fn write_name(out: &mut Vec<u8>, name: &str, suffix: &str, labels: &[u8]) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(suffix.as_bytes());
    if !labels.is_empty() {
        out.push(b'{');
        out.extend_from_slice(labels);
        out.push(b'}');
    }
    out.push(b' ');
}
