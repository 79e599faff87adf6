//! The machine's CPUs, and which of them a thread may use.

use std::fs;

use anyhow::{Context, Result};
use rustix::process::Pid;
use rustix::thread::{CpuSet, sched_setaffinity};

/// The CPUs that `/proc/stat` has a line for: those that are online.
pub fn online() -> Result<Vec<usize>> {
    let text = fs::read_to_string("/proc/stat").context("/proc/stat")?;
    let names = text.lines().filter_map(|line| line.strip_prefix("cpu"));
    let numbers = names.filter_map(|rest| rest.split(' ').next()?.parse().ok());
    Ok(numbers.collect())
}

/// Binds the calling thread to `cpu`; it runs there when this returns.
pub fn bind(cpu: usize) -> Result<()> {
    set_affinity(None, cpu)
}

/// Binds another thread, by its id. One that waits for a CPU waits for that one from now on.
pub fn bind_task(task: u32, cpu: usize) -> Result<()> {
    set_affinity(Pid::from_raw(task.cast_signed()), cpu)
}

fn set_affinity(task: Option<Pid>, cpu: usize) -> Result<()> {
    let mut set = CpuSet::new();
    set.set(cpu);
    sched_setaffinity(task, &set)
        .with_context(|| format!("this process may not use CPU {cpu}, which is online"))
}
