use std::convert::Infallible;
use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::Builder;
use std::time::{Duration, Instant};

use tracing::{info, warn};

use crate::config::Statistics;
use crate::kernel::{Duty, RunTimeStatistics, confine};

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

/// Measures for a share of the time, which may be all of it, on a thread of its own. Ends when
/// dropped.
pub struct Sampler {
    /// Nothing is sent: that it is gone tells the thread.
    _stop: Sender<Infallible>,
}

impl Sampler {
    /// Without a window there is nothing to do, and no thread.
    ///
    /// # Errors
    ///
    /// The system has no room for another thread.
    pub fn start(statistics: Statistics, on: Arc<OnTime>) -> io::Result<Self> {
        let (stop, stopped) = channel();
        if !statistics.window.is_zero() {
            Builder::new().name("statistics".into()).spawn(move || {
                confine(Duty::Measure);
                sample(statistics, &on, &stopped);
            })?;
        }
        Ok(Self { _stop: stop })
    }
}

fn sample(
    Statistics { window, period }: Statistics,
    on: &Arc<OnTime>,
    stop: &Receiver<Infallible>,
) {
    let stopped_after = |time| stop.recv_timeout(time) == Err(RecvTimeoutError::Disconnected);
    let rest = period.checked_sub(window).filter(|rest| !rest.is_zero());
    let mut complained = false;
    loop {
        let pause = match Measuring::start(on) {
            Ok(measuring) => {
                complained = false;
                let Some(rest) = rest else {
                    // All the time: until the channel is closed, for nothing ever comes.
                    let _ = stop.recv();
                    return;
                };
                if stopped_after(window) {
                    return;
                }
                drop(measuring);
                rest
            }
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                return info!(reason = %error, "program run times are not measured");
            }
            Err(error) => {
                if !complained {
                    warn!(reason = %error, "program run times are not measured for now");
                    complained = true;
                }
                period
            }
        };
        if stopped_after(pause) {
            return;
        }
    }
}
