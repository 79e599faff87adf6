use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::discover::library::Counts;
use crate::introspect::{
    Families, LIBRARY_HOST_MISSES, LIBRARY_LOOKS, LIBRARY_MISSES, LIBRARY_PROCESSES,
    LIBRARY_SCAN_SECONDS, LIBRARY_SCANS,
};

/// What looking for libraries did and could not do: written by the thread that looks, read by
/// whoever makes a snapshot. Nothing until somebody looks.
#[derive(Debug, Clone, Default)]
pub struct Scans(Arc<Published>);

#[derive(Debug, Default)]
struct Published {
    counts: Mutex<Option<Counts>>,
    changed: Condvar,
}

impl Scans {
    pub(super) fn publish(&self, counts: Counts) {
        *self.counts() = Some(counts);
        self.0.changed.notify_all();
    }

    fn counts(&self) -> MutexGuard<'_, Option<Counts>> {
        self.0.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until everything has been looked at once, but for what does not answer; no longer
    /// than `limit`.
    pub fn wait(&self, limit: Duration) {
        let is_left = |counts: &mut Option<Counts>| {
            counts.is_none_or(|counts| counts.passes == 0 || counts.waiting > 0)
        };
        let waited = self
            .0
            .changed
            .wait_timeout_while(self.counts(), limit, is_left);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    pub fn introspect(&self, families: &mut Families) {
        let Some(counts) = *self.counts() else { return };
        families.counter(&LIBRARY_SCANS, &[], counts.passes);
        families.seconds_counter(&LIBRARY_SCAN_SECONDS, &[], counts.time.as_secs_f64());
        families.counter(&LIBRARY_LOOKS, &[], counts.looks);
        for (state, processes) in [
            ("known", counts.processes),
            ("waiting", counts.waiting),
            ("stuck", counts.stuck),
            ("left_out", counts.processes_left_out),
        ] {
            families.gauge(&LIBRARY_PROCESSES, &[state], processes as f64);
        }
        for (reason, misses) in [
            ("denied", counts.denied),
            ("unreadable", counts.unreadable),
            ("unanswered", counts.unanswered),
            ("cut_short", counts.cut_short),
            ("too_many_libraries", counts.libraries_left_out),
            ("too_many_processes", counts.users_left_out),
            ("too_many_requests", counts.requests_left_out),
            ("list_error", counts.list_errors),
        ] {
            families.counter(&LIBRARY_MISSES, &[reason], misses);
        }
        for (reason, files) in [
            ("unreadable", counts.host_unreadable),
            ("unanswered", counts.host_unanswered),
            ("too_many", counts.host_left_out),
        ] {
            families.gauge(&LIBRARY_HOST_MISSES, &[reason], files as f64);
        }
    }
}
