//! OTLP: a snapshot as requests to a metrics service.
//!
//! The OpenTelemetry SDK takes no histogram that was counted elsewhere, so the messages are
//! built here, from `opentelemetry-proto`. One metric after the other is built, encoded and let
//! go: what is held of a request is its bytes.

mod attributes;
mod baseline;
mod framing;
mod histogram;
mod metric;
mod requests;
mod resource;
mod shape;
mod time;

pub use baseline::Baseline;
pub use requests::{Encoding, Part, Request, Requests};
pub use resource::Resource;
pub use shape::{HistogramAggregation, Shape, Temporality};

#[cfg(test)]
mod tests;
