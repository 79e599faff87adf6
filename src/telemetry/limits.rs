//! Every bound of what waits to be sent, with its reason.

use std::time::Duration;

/// Records that wait for one endpoint: a daemon that has troubles logs some in a minute, and a
/// sweep makes a dozen spans. Of some hundred bytes each, they are less than a megabyte.
pub(super) const QUEUE: usize = 1024;

/// Records that are sent as soon as they are there, without waiting for more.
pub(super) const BATCH: usize = 256;

/// How long a record waits for others.
pub(super) const PACE: Duration = Duration::from_secs(1);
