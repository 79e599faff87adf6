use std::time::Duration;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceResponse;

use super::limits::MESSAGE_CHARS;

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The endpoint took it, but for some points perhaps, which it will never take.
    Accepted { rejected: u64, message: String },
    /// The endpoint will never take it.
    Refused { why: String },
    /// It may be sent again, as soon as the endpoint said or when we think best.
    Failed {
        why: String,
        after: Option<Duration>,
    },
}

impl Outcome {
    pub fn failed(why: impl Into<String>) -> Self {
        Self::Failed {
            why: why.into(),
            after: None,
        }
    }
}

/// A success. The responses of all signals have the same fields by the same numbers, so that one
/// stands for all.
impl From<ExportMetricsServiceResponse> for Outcome {
    fn from(response: ExportMetricsServiceResponse) -> Self {
        let partial = response.partial_success.unwrap_or_default();
        Self::Accepted {
            rejected: u64::try_from(partial.rejected_data_points).unwrap_or(0),
            message: shown(&partial.error_message),
        }
    }
}

/// A message of an endpoint, fit for a line of the log.
pub(super) fn shown(message: &str) -> String {
    let message = message.trim();
    let mut shown: String = message.chars().take(MESSAGE_CHARS).collect();
    if shown.len() < message.len() {
        shown.push('…');
    }
    shown
}
