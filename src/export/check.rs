use thiserror::Error;

use crate::snapshot::{Descriptor, Kind, Series, Value};

/// A family that no format can express, because its series contradict its descriptor.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EncodeError {
    #[error("{metric}: a series has {found} label values for {expected} labels")]
    Labels {
        metric: String,
        expected: usize,
        found: usize,
    },
    #[error("{metric}: a series holds no {kind:?} value, which its descriptor promises")]
    Kind { metric: String, kind: Kind },
}

/// Whether a series fits its descriptor.
pub(super) fn check(descriptor: &Descriptor, series: &Series) -> Result<(), EncodeError> {
    if series.labels.len() != descriptor.labels.len() {
        return Err(EncodeError::Labels {
            metric: descriptor.name.clone(),
            expected: descriptor.labels.len(),
            found: series.labels.len(),
        });
    }
    match (descriptor.kind, &series.value) {
        (Kind::Counter, Value::Counter(_))
        | (Kind::Gauge, Value::Gauge(_))
        | (Kind::Histogram, Value::Histogram(_))
        | (Kind::Info, Value::Info) => Ok(()),
        (kind, _) => Err(EncodeError::Kind {
            metric: descriptor.name.clone(),
            kind,
        }),
    }
}
