use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tracing::{info, warn};

use crate::config::Statistics;
use crate::kernel::RunTimeStatistics;

/// For how long statistics were on, in nanoseconds.
pub type OnTime = Arc<AtomicU64>;

/// Switches the kernel's run statistics on for a share of the time: they cost two clock
/// readings at every run of every program of the machine.
pub async fn sample(statistics: Statistics, on: OnTime) {
    if statistics.window.is_zero() {
        return;
    }
    let mut complained = false;
    loop {
        match RunTimeStatistics::enable() {
            Ok(guard) => {
                let since = Instant::now();
                tokio::time::sleep(statistics.window).await;
                drop(guard);
                let nanoseconds = u64::try_from(since.elapsed().as_nanos()).unwrap_or(u64::MAX);
                on.fetch_add(nanoseconds, Ordering::Relaxed);
                complained = false;
            }
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
                info!(reason = %error, "program run times are not measured");
                return;
            }
            Err(error) if !complained => {
                warn!(reason = %error, "program run times are not measured for now");
                complained = true;
            }
            Err(_) => {}
        }
        let rest = statistics.period.saturating_sub(statistics.window);
        tokio::time::sleep(rest.max(Duration::from_secs(1))).await;
    }
}
