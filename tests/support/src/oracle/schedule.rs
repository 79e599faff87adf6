//! What the scheduler counts: of tasks in `/proc/PID/task/TID/schedstat`
//! (`Documentation/scheduler/sched-stats.rst`), `status` and `sched`, and of the whole
//! machine in `/proc/stat` and, where the kernel was built with it, `/proc/schedstat`.

use std::fs;
use std::iter::Sum;
use std::ops::Add;
use std::path::Path;

use anyhow::{Context, Result};

/// A task's counters, or the sum over some tasks'.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Task {
    /// Nanoseconds on a CPU (`se.sum_exec_runtime`).
    pub runtime: u64,
    pub delay: Delay,
    pub voluntary: u64,
    pub involuntary: u64,
    /// Times it was moved to another CPU (`se.nr_migrations`).
    pub migrations: u64,
}

/// Waiting for a CPU, of a task or of all that ran on the machine.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Delay {
    /// Nanoseconds on a run queue (`sched_info.run_delay`).
    pub nanoseconds: u64,
    /// Times a CPU was got (`sched_info.pcount`).
    pub runs: u64,
}

impl Task {
    /// The sum over these threads of this process. One that has ended is an error, for it
    /// took its counters with it.
    pub fn sum_of(threads: &[u32]) -> Result<Self> {
        threads.iter().map(|thread| Self::read(*thread)).sum()
    }

    fn read(thread: u32) -> Result<Self> {
        let directory = Path::new("/proc/self/task").join(thread.to_string());
        let text = |file: &str| {
            let path = directory.join(file);
            fs::read_to_string(&path).with_context(|| path.display().to_string())
        };
        let (status, sched, schedstat) = (text("status")?, text("sched")?, text("schedstat")?);
        let mut times = schedstat.split_whitespace();
        Ok(Self {
            runtime: times.next().context("schedstat is empty")?.parse()?,
            delay: delay(times)?,
            voluntary: value(&status, "voluntary_ctxt_switches")?,
            involuntary: value(&status, "nonvoluntary_ctxt_switches")?,
            migrations: value(&sched, "se.nr_migrations")?,
        })
    }
}

impl Delay {
    pub fn seconds(self) -> f64 {
        self.nanoseconds as f64 * 1e-9
    }

    /// Of all tasks, those that have ended since included. None where the kernel was built
    /// without `CONFIG_SCHEDSTATS`.
    pub fn of_machine() -> Result<Option<Self>> {
        let path = Path::new("/proc/schedstat");
        if !path.exists() {
            return Ok(None);
        }
        let text = fs::read_to_string(path)?;
        let cpus = text.lines().filter(|line| line.starts_with("cpu"));
        cpus.map(|line| delay(line.split_whitespace().skip(8)))
            .sum::<Result<_>>()
            .map(Some)
    }
}

/// Context switches of all CPUs since boot, those from and to the idle task included.
pub fn switches() -> Result<u64> {
    value(&fs::read_to_string("/proc/stat")?, "ctxt")
}

/// Tasks that have a CPU or wait for one; who asks is one of them.
pub fn runnable() -> Result<u64> {
    value(&fs::read_to_string("/proc/stat")?, "procs_running")
}

impl Add for Task {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            runtime: self.runtime + other.runtime,
            delay: self.delay + other.delay,
            voluntary: self.voluntary + other.voluntary,
            involuntary: self.involuntary + other.involuntary,
            migrations: self.migrations + other.migrations,
        }
    }
}

impl Add for Delay {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            nanoseconds: self.nanoseconds + other.nanoseconds,
            runs: self.runs + other.runs,
        }
    }
}

impl Sum for Task {
    fn sum<I: Iterator<Item = Self>>(each: I) -> Self {
        each.fold(Self::default(), Add::add)
    }
}

impl Sum for Delay {
    fn sum<I: Iterator<Item = Self>>(each: I) -> Self {
        each.fold(Self::default(), Add::add)
    }
}

fn delay<'a>(mut fields: impl Iterator<Item = &'a str>) -> Result<Delay> {
    let mut next = || -> Result<u64> { Ok(fields.next().context("too few fields")?.parse()?) };
    let delay = (|| {
        Ok(Delay {
            nanoseconds: next()?,
            runs: next()?,
        })
    })();
    delay.map_err(|error: anyhow::Error| error.context("schedstat"))
}

/// The number behind `name` at the beginning of a line, with or without a colon.
fn value(text: &str, name: &str) -> Result<u64> {
    let number = text.lines().find_map(|line| {
        let rest = line.strip_prefix(name)?;
        rest.trim_start()
            .trim_start_matches(':')
            .trim()
            .parse()
            .ok()
    });
    number.with_context(|| format!("no {name}"))
}
