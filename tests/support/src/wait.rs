//! Waiting for a condition, bounded in time.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

/// How often a condition is asked again.
const PACE: Duration = Duration::from_millis(5);

/// Asks `condition` until it gives a value, an error, or `limit` has passed.
///
/// `what` completes the sentence "waited in vain for ...".
pub fn until<T>(
    what: &str,
    limit: Duration,
    condition: impl FnMut() -> Result<Option<T>>,
) -> Result<T> {
    let vain = || format!("waited {} s in vain for {what}", limit.as_secs());
    at_most(limit, condition)?.with_context(vain)
}

/// As [`until`], for what can be done without: `None` once `limit` has passed.
pub fn at_most<T>(
    limit: Duration,
    mut condition: impl FnMut() -> Result<Option<T>>,
) -> Result<Option<T>> {
    let start = Instant::now();
    loop {
        let value = condition()?;
        if value.is_some() || start.elapsed() > limit {
            return Ok(value);
        }
        thread::sleep(PACE);
    }
}
