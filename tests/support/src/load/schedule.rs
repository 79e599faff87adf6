//! Tasks that compete for CPUs and tasks that wake each other.

use std::io::{PipeReader, PipeWriter, Read, Write, pipe};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::Result;

/// Spinning threads and pairs that pass a byte to and fro. They stay alive, asleep,
/// when they do not run, for the kernel forgets the counters of a task that ends.
pub struct Competition {
    gate: Arc<Gate>,
    /// Those that pass the gate, and those that only answer.
    workers: Vec<JoinHandle<()>>,
    echoes: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Gate {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    until: Option<Instant>,
    /// Threads that work or are about to.
    busy: usize,
    ended: bool,
}

impl Competition {
    /// `spinners` threads and `pairs` of threads that exchange a byte.
    pub fn new(spinners: usize, pairs: usize) -> Result<Self> {
        let gate = Arc::new(Gate::default());
        let mut load = Self {
            gate,
            workers: Vec::new(),
            echoes: Vec::new(),
        };
        for _ in 0..spinners {
            load.spawn(|until| while Instant::now() < until {});
        }
        for _ in 0..pairs {
            let (mut from_far, mut to_near) = pipe()?;
            let (mut from_near, mut to_far) = pipe()?;
            load.echoes
                .push(thread::spawn(move || echo(&mut from_near, &mut to_near)));
            load.spawn(move |until| {
                let mut byte = [0];
                while Instant::now() < until {
                    if to_far
                        .write_all(&byte)
                        .and_then(|()| from_far.read_exact(&mut byte))
                        .is_err()
                    {
                        return;
                    }
                }
            });
        }
        Ok(load)
    }

    /// Lets them run for `time`; when this returns they all sleep again.
    pub fn run(&self, time: Duration) {
        let mut state = self
            .gate
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        state.until = Some(Instant::now() + time);
        state.busy = self.workers.len();
        self.gate.changed.notify_all();
        while state.busy > 0 {
            state = self
                .gate
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn spawn(&mut self, mut work: impl FnMut(Instant) + Send + 'static) {
        let gate = Arc::clone(&self.gate);
        self.workers.push(thread::spawn(move || {
            let mut last = None;
            while let Some(until) = gate.next(last) {
                work(until);
                last = Some(until);
                gate.done();
            }
        }));
    }
}

impl Gate {
    /// Sleeps until there is a run that is not the `last` one; `None` at the end.
    fn next(&self, last: Option<Instant>) -> Option<Instant> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        while !state.ended && state.until == last {
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        if state.ended { None } else { state.until }
    }

    fn done(&self) {
        self.state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .busy -= 1;
        self.changed.notify_all();
    }
}

impl Drop for Competition {
    fn drop(&mut self) {
        self.gate
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .ended = true;
        self.gate.changed.notify_all();
        // A worker closes its pipe as it ends, and that ends its echo.
        for thread in self.workers.drain(..).chain(self.echoes.drain(..)) {
            let _ = thread.join();
        }
    }
}

/// Sends back every byte until the other end closes.
fn echo(from: &mut PipeReader, to: &mut PipeWriter) {
    let mut byte = [0];
    while from
        .read_exact(&mut byte)
        .and_then(|()| to.write_all(&byte))
        .is_ok()
    {}
}
