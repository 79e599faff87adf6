//! Snapshots pushed over OTLP.
//!
//! A thread of its own takes a snapshot at every interval and offers it to the endpoints, each of
//! which has a queue and a connection of its own. What an endpoint does, or does not, reaches
//! neither a scrape nor a sweep nor another endpoint.

mod counters;
mod destination;
mod limits;
mod outcome;
mod pusher;
mod queue;
mod resource;
mod retry;
mod schedule;
mod streak;
mod transport;

pub use counters::{Counters, PushCounters};
pub use limits::Limits;
pub(crate) use outcome::Outcome;
pub use pusher::{Endpoints, Pusher};
pub use resource::{resource, resource_attributes};
pub(crate) use retry::Retry;
pub(crate) use streak::Streak;
pub(crate) use transport::{Signal, Transport};
pub use transport::{TlsError, check_tls};

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
