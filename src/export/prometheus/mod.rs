//! What a Prometheus server, or anything that speaks its formats, scrapes.
//!
//! The text formats share one writer. `prometheus-client` writes OpenMetrics too, but prints
//! bucket edges below 1e-4 in a form of its own (`0.00006103515625`, `9.5367431640625e-7`),
//! where the OpenMetrics specification asks for Go's (`6.103515625e-05`): as `le` is a label,
//! a server that is switched from one format to another would see other series. It also
//! leaves help texts unescaped and start times out of its protobuf messages, and takes six
//! times as long. It therefore serves as the second opinion in the tests.

mod format;
mod messages;
mod native;
mod number;
mod protobuf;
mod text;
mod unit;

use std::sync::Arc;

pub use super::check::EncodeError;
pub use format::{Escaping, Format};

use crate::snapshot::Family;
use text::Dialect;

/// What is exposed, in whichever format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exposition {
    /// Whether histograms come with buckets at powers of two (`le`). Without them the text
    /// formats carry only `+Inf`, the sum and the count, and protobuf the native buckets.
    pub classic_buckets: bool,
}

impl Default for Exposition {
    fn default() -> Self {
        Self {
            classic_buckets: true,
        }
    }
}

/// Encodes families, each named once, as a complete page.
///
/// Families without series are left out: what is not measured is absent.
///
/// # Errors
/// When a series does not fit its family's descriptor, which names the metric.
pub fn encode(
    format: Format,
    families: &[Arc<Family>],
    exposition: &Exposition,
) -> Result<Vec<u8>, EncodeError> {
    match format {
        Format::Text004 | Format::Text100(_) => {
            text::write(Dialect::Prometheus, families, *exposition)
        }
        Format::OpenMetrics001 | Format::OpenMetrics100(_) => {
            text::write(Dialect::OpenMetrics, families, *exposition)
        }
        Format::Protobuf(_) => protobuf::write(families, *exposition),
    }
}
