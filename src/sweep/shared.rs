use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime};

use tokio::sync::watch;
use tracing::{error, info_span};

use super::exchange::Change;
use super::report::ModuleReport;
use super::roster::Roster;
use super::state::{Progress, State, Swept};
use super::sweepable::{Buffers, Sweepable};
use super::sweeper::{Extra, Pace};
use crate::introspect::{Families, PARTIAL, SWEEP_SECONDS, SWEEP_TIMESTAMP, SWEEPS};
use crate::snapshot::{Family, Snapshot};
use crate::telemetry::integer;

/// What both sides of the sweeper hold: the thread, and those who ask.
pub(super) struct Shared {
    state: Mutex<State>,
    pub wake: Condvar,
    /// Counts complete sweeps; changed under the lock of the state.
    sweeps: watch::Sender<u64>,
    pace: Pace,
    since: SystemTime,
    roster: Mutex<Roster>,
    /// What the next sweep begins with, of each module at most one.
    changes: Mutex<Vec<Change>>,
    extra: Extra,
    /// Held while a snapshot is put together and given out: so no counter of a snapshot is less
    /// than in one that was given out before. Not the state's, which every scrape takes: `extra`
    /// reads files.
    assembly: Mutex<()>,
}

impl Shared {
    pub fn new(roster: Roster, pace: Pace, extra: Extra) -> Self {
        Self {
            state: Mutex::default(),
            wake: Condvar::new(),
            sweeps: watch::Sender::new(0),
            pace,
            since: SystemTime::now(),
            roster: Mutex::new(roster),
            changes: Mutex::default(),
            extra,
            assembly: Mutex::default(),
        }
    }

    pub fn reports(&self) -> Vec<ModuleReport> {
        self.roster().reports()
    }

    fn roster(&self) -> MutexGuard<'_, Roster> {
        self.roster.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn changes(&self) -> MutexGuard<'_, Vec<Change>> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has a sweep made that begins with this.
    pub fn change(&self, change: Change) {
        let mut changes = self.changes();
        let is_same = |other: &Change| other.report.name == change.report.name;
        let superseded = changes.iter().position(is_same);
        let superseded = superseded.map(|index| changes.remove(index));
        changes.push(change);
        drop(changes);
        // Not under the lock: to detach its programs takes time.
        drop(superseded);
        self.ask();
    }

    pub fn sweeps(&self) -> watch::Receiver<u64> {
        self.sweeps.subscribe()
    }

    /// No step under the lock leaves the state half changed, so a poisoned one is whole.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The last sweep if it is young enough; if not, sees to it that one is made.
    pub fn recent_or_ask(&self) -> Option<Arc<Snapshot>> {
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

    /// Sees to it that a sweep is made that begins after now.
    pub fn ask(&self) {
        self.state().wanted = true;
        self.wake.notify_all();
    }

    /// The last sweep if it is a later one than number `seen`; if not, what the one that
    /// runs has read so far.
    pub fn newer_or_partial(&self, seen: u64) -> Arc<Snapshot> {
        let _assembly = self.assembly();
        let extra = (self.extra)();
        let mut state = self.state();
        if let Some((_, last)) = &state.last
            && *self.sweeps.borrow() > seen
        {
            return Arc::clone(last);
        }
        state.partial += 1;
        let (taken, begun, done) = if let Some(progress) = &state.running {
            (progress.taken, Some(progress.taken), &progress.done[..])
        } else {
            // Nobody sweeps: what is told now is of no sweep, and the last is as old as it is.
            let last = state.last.as_ref().map(|(_, last)| last.taken);
            (SystemTime::now(), last, &[][..])
        };
        let own = Families::new(self.since);
        Arc::new(self.assemble((taken, begun), done, own, extra, state.partial))
    }

    fn assembly(&self) -> MutexGuard<'_, ()> {
        self.assembly.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sweeps until it shall stop, when someone asks and at every interval.
    pub fn run(&self, mut modules: Vec<Box<dyn Sweepable>>) {
        let mut buffers = Buffers::default();
        loop {
            let started = Instant::now();
            if !self.sweep(&mut modules, &mut buffers) || !self.sleep(started) {
                return;
            }
        }
    }

    pub fn end(&self) {
        self.state().ended = true;
        self.wake.notify_all();
    }

    /// False when it shall stop; then the sweep is abandoned.
    fn sweep(&self, modules: &mut Vec<Box<dyn Sweepable>>, buffers: &mut Buffers) -> bool {
        let _span =
            info_span!(target: "geophone", "sweep", modules = integer(modules.len())).entered();
        let started = Instant::now();
        let taken = SystemTime::now();
        let mut state = self.state();
        state.wanted = false;
        state.running = Some(Progress::new(taken));
        drop(state);
        self.make_changes(modules);
        let mut own = Families::new(self.since);
        for module in &mut *modules {
            let swept = read(&mut **module, taken, buffers, &mut own);
            self.take_news(&mut **module);
            let mut state = self.state();
            if state.stopping {
                return false;
            }
            if let Some(progress) = &mut state.running {
                progress.done.push(swept);
            }
        }
        own.count_since(self.since);
        own.gauge(&SWEEP_SECONDS, &[], started.elapsed().as_secs_f64());
        own.counter(&SWEEPS, &[], *self.sweeps.borrow() + 1);
        self.publish(taken, own);
        for module in modules {
            module.tally(buffers);
        }
        !self.state().stopping
    }

    /// Ends the sweep that runs.
    fn publish(&self, taken: SystemTime, own: Families) {
        let _assembly = self.assembly();
        let extra = (self.extra)();
        let mut state = self.state();
        let done = state.running.take().map(|progress| progress.done);
        let done = done.unwrap_or_default();
        let snapshot = self.assemble((taken, Some(taken)), &done, own, extra, state.partial);
        state.last = Some((Instant::now(), Arc::new(snapshot)));
        self.sweeps.send_modify(|sweeps| *sweeps += 1);
    }

    /// Lets modules take the place of others.
    fn make_changes(&self, modules: &mut Vec<Box<dyn Sweepable>>) {
        let changes = std::mem::take(&mut *self.changes());
        if changes.is_empty() {
            return;
        }
        for change in changes {
            let Change {
                report,
                module,
                retire,
            } = change;
            let old = modules.iter().position(|old| old.name() == report.name);
            self.roster().replace(report, module.is_some());
            let old = old.map(|index| modules.remove(index));
            modules.extend(module);
            if let Some(old) = old {
                retire(old);
            }
        }
        let roster = self.roster();
        modules.sort_by_key(|module| roster.position(module.name()));
    }

    fn take_news(&self, module: &mut dyn Sweepable) {
        if let Some(news) = module.news() {
            self.roster().update(news);
        }
    }

    /// Returns when a sweep is due that follows the one begun at `started`; false when there
    /// shall be none.
    fn sleep(&self, started: Instant) -> bool {
        let mut state = self.state();
        loop {
            if state.stopping {
                return false;
            }
            let left = self.pace.interval.saturating_sub(started.elapsed());
            if state.wanted || left.is_zero() {
                return true;
            }
            let woken = self.wake.wait_timeout(state, left);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Of the time at which it was taken, and at which the sweep began that it tells of.
    fn assemble(
        &self,
        (taken, begun): (SystemTime, Option<SystemTime>),
        done: &[Swept],
        own: Families,
        extra: Vec<Arc<Family>>,
        partial: u64,
    ) -> Snapshot {
        let read = done.iter().filter_map(|swept| swept.families.as_ref());
        let mut families: Vec<Arc<Family>> = read.flatten().cloned().collect();
        let mut states = Families::new(self.since);
        let late = self.roster().introspect(done, &mut states);
        states.counter(&PARTIAL, &[], partial);
        if let Some(begun) = begun {
            let since_epoch = begun.duration_since(SystemTime::UNIX_EPOCH);
            let since_epoch = since_epoch.unwrap_or_default();
            states.gauge(&SWEEP_TIMESTAMP, &[], since_epoch.as_secs_f64());
        }
        families.extend(states.finish());
        families.extend(own.finish());
        families.extend(extra);
        Snapshot {
            taken,
            families,
            late,
        }
    }
}

/// Reads one module and what it says of itself. A panic costs that module this sweep, and no
/// other module anything, in builds whose panics unwind; the release build aborts.
fn read(
    module: &mut dyn Sweepable,
    taken: SystemTime,
    buffers: &mut Buffers,
    own: &mut Families,
) -> Swept {
    let _span = info_span!(target: "geophone", "module", module = module.name()).entered();
    let started = Instant::now();
    let swept = catch_unwind(AssertUnwindSafe(|| {
        let families = module.sweep(taken, buffers);
        let seconds = started.elapsed().as_secs_f64();
        module.introspect(own);
        (families, seconds)
    }));
    let (families, seconds) = swept.unwrap_or_else(|_| {
        error!(module = %module.name(), "the sweep of this module panicked: please report it");
        (None, started.elapsed().as_secs_f64())
    });
    Swept {
        module: module.name().to_owned(),
        families,
        seconds,
    }
}
