//! Some of everything at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use geophone_test_support::load::disk::write_and_read;
use geophone_test_support::load::forks::storm;
use geophone_test_support::load::schedule::Competition;
use geophone_test_support::load::tcp::{Sink, be_refused, reset, send};
use geophone_test_support::loop_device::LoopDevice;
use geophone_test_support::network::Pair;

/// Of 100 packets with data: a reset that is lost would be waited for.
const LOSS: u32 = 1;

/// Each part goes on by itself until it is stopped.
pub struct Mixed {
    pub disk: LoopDevice,
    pub wire: Arc<Pair>,
    ended: Arc<AtomicBool>,
    parts: Vec<JoinHandle<Result<()>>>,
}

impl Mixed {
    pub fn start() -> Result<Self> {
        let disk = LoopDevice::new(64 << 20)?;
        let wire = Arc::new(Pair::new()?);
        wire.far.lose_data(LOSS)?;
        let path = disk.path();
        let ends = Arc::clone(&wire);
        let tasks = Competition::new(1, 1)?;
        let mut mixed = Self {
            disk,
            wire,
            ended: Arc::default(),
            parts: Vec::new(),
        };
        mixed.part(move || write_and_read(&path, 500, 16 << 10, 4));
        mixed.part(move || connect(&ends));
        mixed.part(|| storm(1, 100));
        mixed.part(move || {
            tasks.run(Duration::from_millis(100));
            Ok(())
        });
        Ok(mixed)
    }

    fn part(&mut self, mut work: impl FnMut() -> Result<()> + Send + 'static) {
        let ended = Arc::clone(&self.ended);
        self.parts.push(thread::spawn(move || {
            while !ended.load(Ordering::Relaxed) {
                work()?;
            }
            Ok(())
        }));
    }

    /// An error where a part has ended, which none does by itself.
    pub fn goes_on(&self) -> Result<()> {
        let ended = self.parts.iter().any(JoinHandle::is_finished);
        ensure!(!ended, "a part of the load has ended: stopping says why");
        Ok(())
    }

    /// Ends all parts; an error where one could not go on.
    pub fn stop(&mut self) -> Result<()> {
        self.ended.store(true, Ordering::Relaxed);
        let ends = self.parts.drain(..).map(JoinHandle::join);
        // All of them, before the first error ends this.
        let ends: Vec<_> = ends.collect();
        ends.into_iter()
            .try_for_each(|end| end.map_err(|_| anyhow!("a part of the load panicked"))?)
            .context("the mixed load")
    }
}

impl Drop for Mixed {
    fn drop(&mut self) {
        let _ = self.stop();
    }
}

/// Connections of every kind.
fn connect(wire: &Pair) -> Result<()> {
    let sink = wire.far.within(|| Sink::start(Pair::FAR.into(), 3))?;
    wire.near.within(|| {
        send(sink.address(), 1 << 20)?;
        send(sink.address(), 100)?;
        reset(sink.address())?;
        be_refused(Pair::NEAR.into())
    })?;
    sink.finish()
}
