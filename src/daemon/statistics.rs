use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tracing::{info, warn};

use crate::config::Statistics;
use crate::kernel::RunTimeStatistics;

/// For how long this process has had the kernel's run statistics switched on.
#[derive(Debug, Default)]
pub struct OnTime(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    before: Duration,
    since: Option<Instant>,
}

impl OnTime {
    /// Up to now, also while they are on.
    pub fn total(&self) -> Duration {
        let state = self.state();
        state.before + state.since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Run statistics switched on, and the time that they are; off when dropped. They cost two
/// clock readings at every run of every program of the machine.
#[derive(Debug)]
pub struct Measuring {
    on: Arc<OnTime>,
    _statistics: RunTimeStatistics,
}

impl Measuring {
    /// One at a time.
    ///
    /// # Errors
    ///
    /// The kernel does not let this process.
    pub fn start(on: &Arc<OnTime>) -> io::Result<Self> {
        let statistics = RunTimeStatistics::enable()?;
        on.state().since = Some(Instant::now());
        Ok(Self {
            on: Arc::clone(on),
            _statistics: statistics,
        })
    }
}

impl Drop for Measuring {
    fn drop(&mut self) {
        let mut state = self.on.state();
        if let Some(since) = state.since.take() {
            state.before += since.elapsed();
        }
    }
}

/// Measures for a share of the time, which may be all of it.
pub async fn sample(Statistics { window, period }: Statistics, on: Arc<OnTime>) {
    if window.is_zero() {
        return;
    }
    let rest = period.checked_sub(window).filter(|rest| !rest.is_zero());
    let mut complained = false;
    loop {
        match Measuring::start(&on) {
            Ok(measuring) => {
                complained = false;
                let Some(rest) = rest else {
                    return std::future::pending().await;
                };
                tokio::time::sleep(window).await;
                drop(measuring);
                tokio::time::sleep(rest).await;
            }
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                info!(reason = %error, "program run times are not measured");
                return;
            }
            Err(error) => {
                if !complained {
                    warn!(reason = %error, "program run times are not measured for now");
                    complained = true;
                }
                tokio::time::sleep(period).await;
            }
        }
    }
}
