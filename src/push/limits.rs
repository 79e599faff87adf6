//! Every bound of the push that the configuration does not set, with its reason.

use std::time::Duration;

/// How an endpoint that fails is tried again. The defaults are meant for everybody; tests
/// shorten them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// After the first failure: a collector that restarts is back in seconds.
    pub first_wait: Duration,
    /// In a long outage: half a usual interval, so that an endpoint is asked before each of its
    /// snapshots is displaced.
    pub longest_wait: Duration,
    /// However long an endpoint asks to be left alone: longer than that, it would be forgotten.
    pub longest_retry_after: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            first_wait: Duration::from_secs(1),
            longest_wait: Duration::from_secs(30),
            longest_retry_after: Duration::from_mins(15),
        }
    }
}

/// Waits grow by this factor, and each gets up to its own length more by chance.
pub(super) const GROWTH: f32 = 2.0;

/// What is read of a response. A rejection is a sentence; the specification's own bound for
/// responses is 4 MiB.
pub(super) const RESPONSE_BYTES: usize = 64 * 1024;

/// What is shown of a message that an endpoint sent.
pub(super) const MESSAGE_CHARS: usize = 300;

/// A connection that was not used for this long is let go. Longer than the usual interval.
pub(super) const IDLE: Duration = Duration::from_secs(90);
