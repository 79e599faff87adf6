use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::watch;

use super::report::{ModuleReport, ModuleState};
use super::running::{RunningModule, Swept};
use super::state::{Progress, State};
use crate::introspect::{
    Families, MODULE_STATE, MODULE_SWEEP_SECONDS, MODULE_SWEPT, PARTIAL, SWEEP_SECONDS,
    SWEEP_TIMESTAMP, SWEEPS,
};
use crate::kernel::Entries;
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

/// Sweeps on a thread of its own, so that a slow kernel delays no answer.
pub struct Sweeper {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    state: Mutex<State>,
    wake: Condvar,
    /// Counts complete sweeps.
    sweeps: watch::Sender<u64>,
    pace: Pace,
    since: SystemTime,
    /// Of every module, running or not, in the order of exposition.
    reports: Vec<ModuleReport>,
    extra: Extra,
}

impl Sweeper {
    /// Takes the modules that run, and the reports of all. The first sweep begins at once.
    ///
    /// # Errors
    ///
    /// The system has no room for another thread.
    pub fn start(
        modules: Vec<RunningModule>,
        reports: Vec<ModuleReport>,
        pace: Pace,
        extra: Extra,
    ) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            state: Mutex::new(State::new()),
            wake: Condvar::new(),
            sweeps: watch::Sender::new(0),
            pace,
            since: SystemTime::now(),
            reports,
            extra,
        });
        let own = Arc::clone(&shared);
        let thread = thread::Builder::new()
            .name("sweep".into())
            .spawn(move || own.run(modules))?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    pub fn reports(&self) -> &[ModuleReport] {
        &self.shared.reports
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
        let mut sweeps = self.shared.sweeps.subscribe();
        if let Some(recent) = self.shared.recent_or_ask() {
            return recent;
        }
        let swept = sweeps.changed();
        let in_time = match deadline {
            Some(deadline) => tokio::time::timeout_at(deadline.into(), swept)
                .await
                .is_ok(),
            None => swept.await.is_ok(),
        };
        let last = self
            .shared
            .state()
            .last
            .as_ref()
            .map(|(_, last)| Arc::clone(last));
        match last.filter(|_| in_time) {
            Some(last) => last,
            None => self.shared.partial(),
        }
    }
}

impl Drop for Sweeper {
    fn drop(&mut self) {
        self.shared.state().stopping = true;
        self.shared.wake.notify_all();
        if let Some(thread) = self.thread.take() {
            // A panic there was reported when it happened.
            let _ = thread.join();
        }
    }
}

impl Shared {
    /// The lock is never held across anything that can fail; a poisoned one is still whole.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn recent_or_ask(&self) -> Option<Arc<Snapshot>> {
        let mut state = self.state();
        if let Some((at, last)) = &state.last
            && at.elapsed() < self.pace.min_interval
        {
            return Some(Arc::clone(last));
        }
        if state.running.is_none() {
            state.wanted = true;
            self.wake.notify_all();
        }
        None
    }

    fn run(&self, mut modules: Vec<RunningModule>) {
        let mut entries = Entries::new();
        let mut cells = Vec::new();
        let mut state = self.state();
        loop {
            let started = Instant::now();
            let taken = SystemTime::now();
            state.wanted = false;
            state.running = Some(Progress {
                taken,
                done: Vec::new(),
            });
            drop(state);
            for module in &mut modules {
                let swept = module.sweep(taken, &mut entries, &mut cells);
                if let Some(progress) = &mut self.state().running {
                    progress.done.push(swept);
                }
            }
            let mut own = Families::new(self.since);
            for module in &modules {
                module.introspect(&mut own);
            }
            own.gauge(&SWEEP_SECONDS, &[], started.elapsed().as_secs_f64());
            own.counter(&SWEEPS, &[], *self.sweeps.borrow() + 1);
            state = self.state();
            let done = state
                .running
                .take()
                .map(|progress| progress.done)
                .unwrap_or_default();
            let snapshot = self.assemble(taken, &done, own, state.partial);
            state.last = Some((Instant::now(), Arc::new(snapshot)));
            self.sweeps.send_modify(|sweeps| *sweeps += 1);
            loop {
                if state.stopping {
                    return;
                }
                let left = self.pace.interval.saturating_sub(started.elapsed());
                if state.wanted || left.is_zero() {
                    break;
                }
                let woken = self.wake.wait_timeout(state, left);
                state = woken.unwrap_or_else(PoisonError::into_inner).0;
            }
        }
    }

    /// What the sweep that runs has read so far.
    fn partial(&self) -> Arc<Snapshot> {
        let mut state = self.state();
        state.partial += 1;
        let (taken, done) = match &state.running {
            Some(progress) => (progress.taken, progress.done.clone()),
            None => (SystemTime::now(), Vec::new()),
        };
        let partial = state.partial;
        drop(state);
        Arc::new(self.assemble(taken, &done, Families::new(self.since), partial))
    }

    fn assemble(&self, taken: SystemTime, done: &[Swept], own: Families, partial: u64) -> Snapshot {
        let mut families: Vec<Arc<Family>> = done
            .iter()
            .filter_map(|swept| swept.families.as_ref())
            .flatten()
            .cloned()
            .collect();
        let mut late = Vec::new();
        let mut states = Families::new(self.since);
        for report in &self.reports {
            for state in ModuleState::ALL {
                let is = f64::from(u8::from(report.state == state));
                states.gauge(&MODULE_STATE, &[&report.name, state.as_str()], is);
            }
            if !matches!(report.state, ModuleState::Active | ModuleState::Degraded) {
                continue;
            }
            let swept = done.iter().find(|swept| swept.module == report.name);
            let read = swept.is_some_and(|swept| swept.families.is_some());
            states.gauge(&MODULE_SWEPT, &[&report.name], f64::from(u8::from(read)));
            match swept {
                Some(swept) => states.gauge(&MODULE_SWEEP_SECONDS, &[&report.name], swept.seconds),
                None => late.push(report.name.clone()),
            }
        }
        states.counter(&PARTIAL, &[], partial);
        let since_epoch = taken
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        states.gauge(&SWEEP_TIMESTAMP, &[], since_epoch.as_secs_f64());
        families.extend(states.finish());
        families.extend(own.finish());
        families.extend((self.extra)());
        Snapshot {
            taken,
            families,
            late,
        }
    }
}
