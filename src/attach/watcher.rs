use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tracing::debug;

use super::attention::Attention;
use super::module::Attacher;
use super::scans::Scans;
use crate::discover::library::{Event, Process, Scanner};
use crate::kernel::{Duty, Entries, confine};

/// How long an end waits for a scan that runs, and for the kernel to let go of the functions.
const PATIENCE: Duration = Duration::from_millis(600);

/// How often to see whom the programs want looked at.
const ATTENTION: Duration = Duration::from_secs(1);

/// Looks for libraries on a thread of its own, and attaches the modules to them.
pub struct Watcher {
    stop: Arc<Stop>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Stop {
    progress: Mutex<Progress>,
    wake: Condvar,
}

/// Of the end of the thread.
#[derive(Default)]
struct Progress {
    stopping: bool,
    /// Everything is detached.
    ended: bool,
}

impl Watcher {
    /// Begins at once. `news` is called when there is something to export that was not there
    /// before: a workload, whose entries a sweep creates, or a library.
    ///
    /// # Errors
    ///
    /// The system has no room for another thread.
    pub fn start(
        attachers: Vec<Attacher>,
        attention: Attention,
        scans: Scans,
        news: impl Fn() + Send + 'static,
    ) -> std::io::Result<Self> {
        let stop = Arc::new(Stop::default());
        if attachers.is_empty() {
            return Ok(Self { stop, thread: None });
        }
        let own = Arc::clone(&stop);
        let thread = thread::Builder::new()
            .name("libraries".into())
            .spawn(move || {
                confine(Duty::Attach {
                    events: attachers.iter().any(Attacher::takes_events),
                });
                watch(attachers, &attention, &scans, &own, &news);
                own.change(|progress| progress.ended = true);
            })?;
        Ok(Self {
            stop,
            thread: Some(thread),
        })
    }
}

fn watch(
    mut attachers: Vec<Attacher>,
    attention: &Attention,
    scans: &Scans,
    stop: &Stop,
    news: &dyn Fn(),
) {
    let wanted = attachers.iter().flat_map(Attacher::wanted).collect();
    let mut scanner = Scanner::new(PathBuf::from("/"), wanted);
    let mut entries = Entries::new();
    loop {
        let now = Instant::now();
        let (called, result) = attention.take(&mut entries);
        for process in called {
            scanner.rescan(process);
        }
        if let Err(error) = result {
            debug!(reason = %error, "processes to look at not read");
        }
        let events = scanner.scan(now);
        let mut is_news = !events.is_empty();
        for event in events {
            for attacher in &mut attachers {
                match &event {
                    Event::Found(library, file) => attacher.found(library, file),
                    Event::Gone(key) => attacher.gone(key),
                    // Both files are known: the old one for as long as it is mapped.
                    Event::Replaced { .. } => {}
                }
            }
        }
        for attacher in &mut attachers {
            is_news |= attacher.proceed();
            is_news |= attacher.unanswered(scanner.unanswered());
            let keys = attacher.keys();
            let processes: Vec<&Process> = keys.flat_map(|key| scanner.processes(key)).collect();
            is_news |= attacher.used_by(now, &processes);
        }
        scans.publish(scanner.counts());
        if is_news {
            news();
        }
        // A pass may be far away on a machine with many processes.
        let next = scanner.due(now).min(now + ATTENTION);
        let pause = next.saturating_duration_since(Instant::now());
        if stop.waited(pause, |progress| progress.stopping) {
            return;
        }
    }
}

impl Stop {
    /// No step under the lock leaves it half changed, so a poisoned one is whole.
    fn lock(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut Progress)) {
        change(&mut self.lock());
        self.wake.notify_all();
    }

    /// Whether `is` holds, after `time` at the latest.
    fn waited(&self, time: Duration, is: impl Fn(&Progress) -> bool) -> bool {
        let waited = self
            .wake
            .wait_timeout_while(self.lock(), time, |progress| !is(progress));
        is(&waited.unwrap_or_else(PoisonError::into_inner).0)
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        let Some(thread) = self.thread.take() else {
            return;
        };
        self.stop.change(|progress| progress.stopping = true);
        // What is still held then the kernel takes back with the process. A thread that
        // panicked does not say that it has ended; it reported that when it happened.
        if self.stop.waited(PATIENCE, |progress| progress.ended) || thread.is_finished() {
            let _ = thread.join();
        }
    }
}
