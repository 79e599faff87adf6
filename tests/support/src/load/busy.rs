use std::hint::spin_loop;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use anyhow::Result;
use rustix::process::setpriority_process;
use rustix::thread::gettid;

use crate::cpus::{bind, online};

/// A spinning thread bound to every CPU: until this is dropped none is idle.
pub struct Busy {
    ended: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Busy {
    pub fn start() -> Result<Self> {
        Self::with_nice(0)
    }

    /// At the lowest priority: next to nothing is taken from what else there is to do.
    pub fn yielding() -> Result<Self> {
        Self::with_nice(19)
    }

    fn with_nice(nice: i32) -> Result<Self> {
        let mut busy = Self {
            ended: Arc::default(),
            threads: Vec::new(),
        };
        for cpu in online()? {
            let ended = Arc::clone(&busy.ended);
            let (tell, bound) = mpsc::channel();
            busy.threads.push(thread::spawn(move || {
                let _ = tell.send(settle(cpu, nice));
                while !ended.load(Ordering::Relaxed) {
                    spin_loop();
                }
            }));
            bound.recv()??;
        }
        Ok(busy)
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// Places the calling thread.
fn settle(cpu: usize, nice: i32) -> Result<()> {
    bind(cpu)?;
    // Linux has a priority for each thread, by its id (setpriority(2)).
    Ok(setpriority_process(Some(gettid()), nice)?)
}
