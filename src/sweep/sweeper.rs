use std::sync::{Arc, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tracing::warn;

use super::exchange::Exchange;
use super::report::ModuleReport;
use super::roster::Roster;
use super::shared::Shared;
use super::sweepable::Sweepable;
use crate::kernel::{Duty, confine};
use crate::snapshot::{Family, Snapshot};

/// Gives families that do not come from a sweep: the process, the log, the listener.
pub type Extra = Box<dyn Fn() -> Vec<Arc<Family>> + Send + Sync>;

/// How often to sweep.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// A sweep younger than this answers a scrape.
    pub min_interval: Duration,
    /// A sweep is made at least this often, whether anyone asks or not.
    pub interval: Duration,
}

/// How long an end waits for the sweep that runs. Where nothing is pushed, the whole exit shall
/// take under a second, of which running responses get 700 ms; what is still held then the kernel
/// takes back.
const PATIENCE: Duration = Duration::from_millis(200);

/// Sweeps on a thread of its own, so that a slow kernel delays no answer.
pub struct Sweeper {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Sweeper {
    /// Takes the modules that run, and the reports of all. The first sweep begins at once.
    ///
    /// # Errors
    ///
    /// The system has no room for another thread.
    pub fn start<M: Sweepable + 'static>(
        modules: Vec<M>,
        reports: Vec<ModuleReport>,
        pace: Pace,
        extra: Extra,
    ) -> std::io::Result<Self> {
        let running: Vec<String> = modules.iter().map(|it| it.name().to_owned()).collect();
        let roster = Roster::new(reports, &running);
        let boxed = |module| Box::new(module) as Box<dyn Sweepable>;
        let modules = modules.into_iter().map(boxed).collect();
        let shared = Arc::new(Shared::new(roster, pace, extra));
        let own = Arc::clone(&shared);
        let thread = thread::Builder::new().name("sweep".into()).spawn(move || {
            confine(Duty::Sweep);
            own.run(modules);
            own.end();
        })?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    pub fn reports(&self) -> Vec<ModuleReport> {
        self.shared.reports()
    }

    /// Counts complete sweeps.
    pub fn count(&self) -> watch::Receiver<u64> {
        self.shared.sweeps()
    }

    /// Sees to it that a sweep is made that begins after now.
    pub fn ask(&self) {
        self.shared.ask();
    }

    /// Has the next sweep made at once, from any thread.
    pub fn asker(&self) -> impl Fn() + Send + 'static {
        let shared = Arc::clone(&self.shared);
        move || shared.ask()
    }

    /// Puts modules in the place of others, from any thread.
    pub fn exchange(&self) -> Exchange {
        Exchange::new(Arc::clone(&self.shared))
    }

    /// The last complete sweep.
    pub fn last(&self) -> Option<Arc<Snapshot>> {
        self.shared
            .state()
            .last
            .as_ref()
            .map(|(_, last)| Arc::clone(last))
    }

    /// Whether the first sweep is done.
    pub fn is_ready(&self) -> bool {
        self.shared.state().last.is_some()
    }

    /// A snapshot no older than `sweep.min_interval`. Concurrent callers share one sweep. If
    /// it is not done by `deadline`, the modules that it has not read yet are left out.
    pub async fn snapshot(&self, deadline: Option<Instant>) -> Arc<Snapshot> {
        let mut sweeps = self.shared.sweeps();
        let seen = *sweeps.borrow_and_update();
        if let Some(recent) = self.shared.recent_or_ask() {
            return recent;
        }
        // Whatever ends the wait, what is there then is the answer.
        if let Some(deadline) = deadline {
            let _ = tokio::time::timeout_at(deadline.into(), sweeps.changed()).await;
        } else {
            let _ = sweeps.changed().await;
        }
        self.shared.newer_or_partial(seen)
    }
}

impl Drop for Sweeper {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        state.stopping = true;
        self.shared.wake.notify_all();
        let ending = self
            .shared
            .wake
            .wait_timeout_while(state, PATIENCE, |state| !state.ended);
        state = ending.unwrap_or_else(PoisonError::into_inner).0;
        let ended = state.ended;
        drop(state);
        let Some(thread) = self.thread.take() else {
            return;
        };
        if ended || thread.is_finished() {
            // A panic there was reported when it happened.
            let _ = thread.join();
        } else {
            warn!("a sweep did not end in time; left to the end of the process");
        }
    }
}
