//! Geophone's own messages and spans over OTLP, to the endpoints that want them.
//!
//! The bridges of OpenTelemetry make records of what `tracing` is told; here they are encoded,
//! queued, and sent in batches by a thread of its own. Whoever logs waits for nothing: where an
//! endpoint does not take records, a bounded number of them waits, and more are dropped and
//! counted.
//!
//! The SDK's own exporters are not used. They add headers and compression of `OTEL_EXPORTER_OTLP_*`
//! to every endpoint, whatever the configuration says, so that a token could reach a receiver that
//! it is not meant for; [`crate::push`] has a transport that knows the configuration alone. Nor are
//! its batch processors, which need two threads for each endpoint, do not tell what they dropped,
//! and end within bounds of their own.

mod counters;
mod courier;
mod integer;
mod limits;
mod messages;
mod queue;
mod spans;
mod start;
mod thread;

pub use counters::TelemetryCounters;
pub(crate) use integer::integer;
pub use start::Telemetry;
