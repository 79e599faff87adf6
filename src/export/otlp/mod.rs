//! OTLP: a snapshot as requests to a metrics service, and records as those to the services of logs
//! and traces.
//!
//! The OpenTelemetry SDK takes no histogram that was counted elsewhere, so the messages are
//! built here, from `opentelemetry-proto`. One metric after the other is built, encoded and let
//! go: what is held of a request is its bytes.

mod attributes;
mod baseline;
mod framing;
mod histogram;
mod metric;
mod records;
mod requests;
mod resource;
mod shape;
mod time;

pub use baseline::Baseline;
pub use records::Records;
pub use requests::{Encoding, Part, Request, Requests};
pub use resource::Resource;
pub use shape::{HistogramAggregation, Shape, Temporality};

/// What Geophone tells of itself is in this scope.
const SCOPE: &str = env!("CARGO_PKG_NAME");

#[cfg(test)]
mod tests;
