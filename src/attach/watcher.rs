use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::module::Attacher;
use crate::discover::library::{Event, Process, Scanner};

/// How long an end waits for a scan that runs, and for the kernel to let go of the functions.
const PATIENCE: Duration = Duration::from_millis(600);

/// Looks for libraries on a thread of its own, and attaches the modules to them.
pub struct Watcher {
    stop: Arc<Stop>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Stop {
    stopping: Mutex<bool>,
    wake: Condvar,
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
        news: impl Fn() + Send + 'static,
    ) -> std::io::Result<Self> {
        let stop = Arc::new(Stop::default());
        if attachers.is_empty() {
            return Ok(Self { stop, thread: None });
        }
        let own = Arc::clone(&stop);
        let thread = thread::Builder::new()
            .name("libraries".into())
            .spawn(move || watch(attachers, &own, &news))?;
        Ok(Self {
            stop,
            thread: Some(thread),
        })
    }
}

fn watch(mut attachers: Vec<Attacher>, stop: &Stop, news: &dyn Fn()) {
    let wanted = attachers.iter().flat_map(Attacher::wanted).collect();
    let mut scanner = Scanner::new(PathBuf::from("/"), wanted);
    loop {
        let now = Instant::now();
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
            let keys: Vec<_> = attacher.keys().cloned().collect();
            let processes: Vec<Process> = keys
                .iter()
                .flat_map(|key| scanner.processes(key).cloned())
                .collect();
            is_news |= attacher.used_by(now, processes.iter());
        }
        if is_news {
            news();
        }
        if stop.waited(scanner.due(now).saturating_duration_since(Instant::now())) {
            return;
        }
    }
}

impl Stop {
    /// Whether to stop, after `time` at the latest.
    fn waited(&self, time: Duration) -> bool {
        let stopping = self.stopping.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self
            .wake
            .wait_timeout_while(stopping, time, |stopping| !*stopping);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        *self
            .stop
            .stopping
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = true;
        self.stop.wake.notify_all();
        let Some(thread) = self.thread.take() else {
            return;
        };
        let deadline = Instant::now() + PATIENCE;
        while !thread.is_finished() && Instant::now() < deadline {
            thread::park_timeout(Duration::from_millis(5));
        }
        // What is still held then the kernel takes back with the process.
        if thread.is_finished() {
            let _ = thread.join();
        }
    }
}
