//! Waiting for a condition, bounded in time.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// How often a condition is asked again.
const PACE: Duration = Duration::from_millis(5);

/// Asks `condition` until it gives a value, an error, or `limit` has passed.
///
/// `what` completes the sentence "waited in vain for ...".
pub fn until<T>(
    what: &str,
    limit: Duration,
    mut condition: impl FnMut() -> Result<Option<T>>,
) -> Result<T> {
    let start = Instant::now();
    loop {
        if let Some(value) = condition()? {
            return Ok(value);
        }
        if start.elapsed() > limit {
            bail!("waited {} s in vain for {what}", limit.as_secs());
        }
        thread::sleep(PACE);
    }
}
