//! Tasks that compete for CPUs and tasks that wake each other.

use std::io::{PipeReader, PipeWriter, Read, Write, pipe};
use std::sync::{Arc, Condvar, Mutex, PoisonError, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::Result;
use rustix::thread::gettid;

use crate::control_group::Group;
use crate::cpus::{bind, bind_task, online};

/// Spinning threads and pairs that pass a byte to and fro. They stay alive, asleep,
/// when they do not run, for the kernel forgets the counters of a task that ends.
pub struct Competition {
    gate: Arc<Gate>,
    /// Those that pass the gate, and those that only answer.
    workers: Vec<JoinHandle<()>>,
    echoes: Vec<JoinHandle<()>>,
    /// Ids of all of them.
    tasks: Vec<u32>,
    /// What they run in; here so that it outlives them.
    group: Option<Arc<Group>>,
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
        Self::start(None, spinners, pairs)
    }

    /// The same in a control group.
    pub fn within(group: Group, spinners: usize, pairs: usize) -> Result<Self> {
        Self::start(Some(Arc::new(group)), spinners, pairs)
    }

    /// Adds a thread that moves from CPU to CPU.
    pub fn wander(&mut self) -> Result<()> {
        let cpus = online()?;
        self.work(move |until| {
            let mut cpus = cpus.iter().cycle();
            while Instant::now() < until && cpus.next().is_some_and(|cpu| bind(*cpu).is_ok()) {}
        })
    }

    /// Adds a thread that moves all others from CPU to CPU, whether they run or wait.
    pub fn herd(&mut self) -> Result<()> {
        let cpus = online()?;
        let tasks = self.tasks.clone();
        self.work(move |until| {
            let mut cpus = cpus.iter().cycle();
            while Instant::now() < until {
                for task in &tasks {
                    // The CPU may have gone offline.
                    let _ = cpus.next().map(|cpu| bind_task(*task, *cpu));
                }
                thread::yield_now();
            }
        })
    }

    /// Adds `count` threads that do nothing but give their CPU to another.
    pub fn bustle(&mut self, count: usize) -> Result<()> {
        (0..count).try_for_each(|_| {
            self.work(|until| {
                while Instant::now() < until {
                    thread::yield_now();
                }
            })
        })
    }

    /// Ids of its threads, which are all that is in its control group.
    pub fn tasks(&self) -> &[u32] {
        &self.tasks
    }

    fn start(group: Option<Arc<Group>>, spinners: usize, pairs: usize) -> Result<Self> {
        let mut load = Self {
            gate: Arc::default(),
            workers: Vec::new(),
            echoes: Vec::new(),
            tasks: Vec::new(),
            group,
        };
        for _ in 0..spinners {
            load.work(|until| while Instant::now() < until {})?;
        }
        for _ in 0..pairs {
            let (mut from_far, mut to_near) = pipe()?;
            let (mut from_near, mut to_far) = pipe()?;
            let echo = load.spawn(move || echo(&mut from_near, &mut to_near))?;
            load.echoes.push(echo);
            load.work(move |until| {
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
            })?;
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

    fn work(&mut self, mut work: impl FnMut(Instant) + Send + 'static) -> Result<()> {
        let gate = Arc::clone(&self.gate);
        let worker = self.spawn(move || {
            let mut last = None;
            while let Some(until) = gate.next(last) {
                work(until);
                last = Some(until);
                gate.done();
            }
        })?;
        self.workers.push(worker);
        Ok(())
    }

    /// Starts a thread, which is in the group when this returns.
    fn spawn(&mut self, body: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>> {
        let group = self.group.clone();
        let (tell, entered) = mpsc::channel();
        let thread = thread::spawn(move || {
            let enter = group.as_deref().map_or(Ok(()), Group::enter);
            drop(group);
            let _ = tell.send(enter.map(|()| gettid().as_raw_nonzero().get().cast_unsigned()));
            body();
        });
        self.tasks.push(entered.recv()??);
        Ok(thread)
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
