use std::time::{SystemTime, UNIX_EPOCH};

/// Unix time in nanoseconds; 0, which is "unknown" in OTLP, for a clock set before 1970.
pub(super) fn unix_nanos(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
