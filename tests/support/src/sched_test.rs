//! The driver of `tests/drivers/sched_test`: jobs for the kernel's GPU scheduler that take the
//! time they are told to.

use std::fmt;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::kernel_module;

const DEVICE: &str = "/dev/sched_test";

/// The driver, loaded until dropped.
pub struct SchedTest(());

/// One of its schedulers, each of which runs one job at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ring {
    Alpha,
    Beta,
}

/// What the driver itself has counted of a ring since it was loaded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub queued: u64,
    /// Begun on the hardware.
    pub run: u64,
    /// Ended by the hardware, well or not.
    pub done: u64,
    /// Of those done, with an error.
    pub failed: u64,
    /// Of those failed, with the error in the job's own fence, which is all that others see.
    /// Older schedulers leave it out.
    pub told: u64,
    /// Ended without having run.
    pub killed: u64,
    /// From push to begin, of those that have run.
    pub queue_time: Duration,
    /// From begin to end, of those that are done.
    pub run_time: Duration,
}

impl Ring {
    pub const ALL: [Self; 2] = [Self::Alpha, Self::Beta];
}

impl SchedTest {
    /// The device of jobs (`dev_name()`).
    pub const DEVICE: &str = "sched_test.0";

    /// Loads the scheduler and the driver from `directory`, which has what the scheduler needs
    /// in the order of the names, and the driver in `sched_test/`. The scheduler stays loaded.
    pub fn load(directory: &Path) -> Result<Self> {
        let entries = fs::read_dir(directory).with_context(|| directory.display().to_string())?;
        let files = entries.map(|entry| Ok(entry?.path()));
        let mut files = files.collect::<Result<Vec<_>>>()?;
        files.retain(|file| file.is_file());
        files.sort();
        files
            .iter()
            .try_for_each(|file| kernel_module::need(file))?;
        kernel_module::load(&directory.join("sched_test/sched_test.ko"))?;
        Ok(Self(()))
    }

    /// Pushes jobs that run for `duration` each. `error` is what they end with, as a positive
    /// errno; 0 is none.
    pub fn jobs(&self, ring: Ring, count: u32, duration: Duration, error: i32) -> Result<()> {
        ensure!(error >= 0, "an errno is positive: {error}");
        let duration = duration.as_micros();
        command(&format!("jobs {ring} {count} {duration} {}", -error))
    }

    /// Waits until all jobs of a ring have ended, and the scheduler has let go of them.
    pub fn wait(&self, ring: Ring) -> Result<()> {
        command(&format!("wait {ring}"))
    }

    /// Drops the jobs that wait for the hardware. What is on it ends in its time, and this
    /// returns only then.
    pub fn kill(&self, ring: Ring) -> Result<()> {
        command(&format!("kill {ring}"))
    }

    pub fn counts(&self, ring: Ring) -> Result<Counts> {
        let text = fs::read_to_string(DEVICE).context(DEVICE)?;
        let name = ring.to_string();
        let lines = text.lines().filter_map(|line| line.split_once(' '));
        let (_, fields) = { lines }
            .find(|(ring, _)| *ring == name)
            .with_context(|| format!("{DEVICE} has no {name}: {text}"))?;
        parse(fields).with_context(|| format!("{DEVICE}: {fields}"))
    }
}

impl Drop for SchedTest {
    fn drop(&mut self) {
        if let Err(error) = kernel_module::unload("sched_test") {
            eprintln!("left behind: the module sched_test: {error:#}");
        }
    }
}

impl fmt::Display for Ring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Alpha => "alpha",
            Self::Beta => "beta",
        })
    }
}

fn command(text: &str) -> Result<()> {
    fs::write(DEVICE, text).with_context(|| format!("{DEVICE}: {text}"))
}

fn parse(fields: &str) -> Result<Counts> {
    let mut counts = Counts::default();
    for field in fields.split_whitespace() {
        let (name, value) = field.split_once('=').context("no value")?;
        let value = value.parse()?;
        match name {
            "queued" => counts.queued = value,
            "run" => counts.run = value,
            "done" => counts.done = value,
            "failed" => counts.failed = value,
            "told" => counts.told = value,
            "killed" => counts.killed = value,
            "queue_ns" => counts.queue_time = Duration::from_nanos(value),
            "run_ns" => counts.run_time = Duration::from_nanos(value),
            _ => bail!("unknown field {name}"),
        }
    }
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_read() -> Result<()> {
        let counts =
            parse("queued=5 run=4 done=3 failed=2 told=2 killed=1 queue_ns=7 run_ns=1000")?;
        let expected = Counts {
            queued: 5,
            run: 4,
            done: 3,
            failed: 2,
            told: 2,
            killed: 1,
            queue_time: Duration::from_nanos(7),
            run_time: Duration::from_micros(1),
        };
        assert_eq!(counts, expected);
        assert!(parse("lost=1").is_err());
        Ok(())
    }
}
