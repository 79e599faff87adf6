use std::hint::spin_loop;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use anyhow::Result;

use crate::cpus::{bind, online};

/// A spinning thread bound to every CPU: until this is dropped none is idle.
pub struct Busy {
    ended: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Busy {
    pub fn start() -> Result<Self> {
        let mut busy = Self {
            ended: Arc::default(),
            threads: Vec::new(),
        };
        for cpu in online()? {
            let ended = Arc::clone(&busy.ended);
            let (tell, bound) = mpsc::channel();
            busy.threads.push(thread::spawn(move || {
                let _ = tell.send(bind(cpu));
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
