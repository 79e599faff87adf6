//! Threads in a ring, each in a control group of its own, that pass tokens on: each passing is a
//! wake-up and a context switch.

use std::io::{PipeReader, PipeWriter, Read, Write, pipe};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};

use anyhow::{Context, Result};
use rustix::thread::gettid;

use crate::control_group::Group;

/// What passes through the pipes.
const TOKEN: u8 = 1;
const END: u8 = 0;

/// They do next to nothing, and there may be thousands.
const STACK: usize = 64 << 10;

/// They sleep when no token goes round.
pub struct Ring {
    first: PipeWriter,
    threads: Vec<JoinHandle<()>>,
    tasks: Vec<u32>,
    shared: Arc<Shared>,
    taken: Receiver<()>,
    /// Here so that they outlive the threads.
    groups: Vec<Arc<Group>>,
}

#[derive(Default)]
struct Shared {
    /// Tokens are taken out by whoever gets one.
    stopped: AtomicBool,
    passed: AtomicU64,
}

impl Ring {
    /// A thread in each group, in this order.
    pub fn new(groups: Vec<Group>) -> Result<Self> {
        let pipes: Result<Vec<_>, _> = groups.iter().map(|_| pipe()).collect();
        let (readers, mut writers): (Vec<_>, Vec<_>) = pipes?.into_iter().unzip();
        let first = writers.first().context("a ring of nobody")?.try_clone()?;
        writers.rotate_left(1);
        let (take, taken) = mpsc::channel();
        let mut ring = Self {
            first,
            threads: Vec::new(),
            tasks: Vec::new(),
            shared: Arc::default(),
            taken,
            groups: Vec::new(),
        };
        for (group, (from, to)) in groups.into_iter().zip(readers.into_iter().zip(writers)) {
            let member = Member {
                from,
                to,
                shared: Arc::clone(&ring.shared),
                take: take.clone(),
            };
            ring.add(group, member)?;
        }
        Ok(ring)
    }

    /// Starts a thread, which is in its group when this returns.
    fn add(&mut self, group: Group, member: Member) -> Result<()> {
        let group = Arc::new(group);
        self.groups.push(Arc::clone(&group));
        let (tell, entered) = mpsc::channel();
        let body = move || {
            let _ = tell.send(group.enter().map(|()| gettid()));
            drop(group);
            member.live();
        };
        let thread = thread::Builder::new().stack_size(STACK).spawn(body);
        self.threads
            .push(thread.context("a thread: is pids.max or ulimit -u too low?")?);
        let task = entered.recv()??;
        self.tasks.push(task.as_raw_nonzero().get().cast_unsigned());
        Ok(())
    }

    /// Ids of its threads, in the order of their groups.
    pub fn tasks(&self) -> &[u32] {
        &self.tasks
    }

    /// Puts in tokens, which go round until [`Self::stop`].
    pub fn start(&mut self, tokens: usize) -> Result<()> {
        self.shared.stopped.store(false, Ordering::Relaxed);
        Ok(self.first.write_all(&vec![TOKEN; tokens])?)
    }

    /// Takes out that many tokens; all sleep when this returns. Gives how often any was passed.
    pub fn stop(&mut self, tokens: usize) -> Result<u64> {
        self.shared.stopped.store(true, Ordering::Relaxed);
        for _ in 0..tokens {
            self.taken
                .recv()
                .context("a thread of the ring has ended")?;
        }
        Ok(self.shared.passed.swap(0, Ordering::Relaxed))
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        // Each passes it on and ends.
        let _ = self.first.write_all(&[END]);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

struct Member {
    from: PipeReader,
    to: PipeWriter,
    shared: Arc<Shared>,
    take: Sender<()>,
}

impl Member {
    fn live(mut self) {
        let mut byte = [0];
        while self.from.read_exact(&mut byte).is_ok() {
            let [kind] = byte;
            if kind == TOKEN && self.shared.stopped.load(Ordering::Relaxed) {
                if self.take.send(()).is_err() {
                    return;
                }
                continue;
            }
            self.shared.passed.fetch_add(1, Ordering::Relaxed);
            if self.to.write_all(&byte).is_err() || kind == END {
                return;
            }
        }
    }
}
