//! What this process may, and what the threads of others may.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use caps::{CapSet, Capability, CapsHashSet};

use crate::requirement::Requirement;

/// Says whether the caller may load eBPF programs; if not, it must return at once.
///
/// # Panics
///
/// When it may not and `GEOPHONE_REQUIRE_BPF` is 1.
pub fn present() -> bool {
    let held = |capability| caps::has_cap(None, CapSet::Effective, capability).unwrap_or(false);
    let needed = [
        Capability::CAP_BPF,
        Capability::CAP_PERFMON,
        Capability::CAP_SYS_ADMIN,
    ];
    let missing: Vec<_> = needed
        .into_iter()
        .filter(|capability| !held(*capability))
        .collect();
    if missing.is_empty() {
        return true;
    }
    Requirement::Bpf.skip(&format!("this test needs {missing:?}: run it as root"));
    false
}

/// A thread of some process.
#[derive(Debug)]
pub struct Thread {
    pub name: String,
    /// What it has, or may take at any time.
    pub permitted: CapsHashSet,
    /// What it uses now.
    pub effective: CapsHashSet,
    /// What a program that it executes could have: the inheritable, bounding and ambient sets.
    pub passed_on: [CapsHashSet; 3],
    /// Whether a program that it executes may gain privileges.
    pub may_gain: bool,
}

/// The threads of a process and their capabilities (`/proc/PID/task/TID/status`).
pub fn of_threads(pid: u32) -> Result<Vec<Thread>> {
    let tasks = format!("/proc/{pid}/task");
    let entries = fs::read_dir(&tasks).with_context(|| tasks.clone())?;
    entries.map(|entry| thread(&entry?.path())).collect()
}

fn thread(directory: &Path) -> Result<Thread> {
    let path = directory.join("status");
    let status = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let value = |name: &str| {
        let mut lines = status.lines().filter_map(|line| line.split_once(':'));
        let found = lines.find_map(|(key, value)| (key == name).then(|| value.trim()));
        found.with_context(|| format!("{}: no {name}", path.display()))
    };
    let set = |name: &str| {
        let held = u64::from_str_radix(value(name)?, 16)?;
        let all = caps::all().into_iter();
        let set = all.filter(|capability: &Capability| held & capability.bitmask() != 0);
        Ok::<CapsHashSet, anyhow::Error>(set.collect())
    };
    Ok(Thread {
        name: value("Name")?.to_owned(),
        permitted: set("CapPrm")?,
        effective: set("CapEff")?,
        passed_on: [set("CapInh")?, set("CapBnd")?, set("CapAmb")?],
        may_gain: value("NoNewPrivs")? != "1",
    })
}
