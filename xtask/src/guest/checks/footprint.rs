//! What the daemon takes by itself, with all modules that are on by default.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use anyhow::{Context as _, Result, ensure};
use geophone_test_support::cpus;
use geophone_test_support::daemon::{Daemon, Options};

use super::ADDRESS;
use crate::footprint::Footprint;
use crate::vm::image::DAEMON;

const SWEEPS: usize = 21;

/// In JSON. What the maps take is what the kernel says of each.
pub fn measure() -> Result<String> {
    let without = per_cpu()?;
    let daemon = Options::new(DAEMON).address(ADDRESS).start()?;
    let mut client = daemon.client()?;
    let mut sweeps = Vec::new();
    for _ in 0..SWEEPS {
        let page = client.metrics()?;
        let sweep = page.sum("geophone_sweep_duration_seconds", &[]);
        sweeps.push(sweep.context("no time of a sweep")?);
    }
    sweeps.sort_by(f64::total_cmp);
    let page = client.metrics()?;
    let mut maps = BTreeMap::new();
    for sample in page.select("geophone_map_bytes", &[]) {
        let module = sample.label("module").context("a map without a module")?;
        *maps.entry(module.to_owned()).or_default() += sample.value;
    }
    let exported: f64 = maps.values().sum();
    let accounted = accounted(&daemon)? as f64;
    ensure!(
        (exported - accounted).abs() < 0.5,
        "maps of {exported} bytes are {accounted} by the kernel's account"
    );
    let online = cpus::online()?.len();
    let footprint = Footprint {
        online,
        possible: possible()?,
        maps,
        per_cpu: per_cpu()? - without,
        resident: daemon.resident()?,
        sweep: sweeps[SWEEPS / 2],
    };
    Ok(serde_json::to_string(&footprint)?)
}

/// Bytes of all maps that the daemon holds (`bpf_map_show_fdinfo()`, kernel/bpf/syscall.c), but
/// for the constants of a program.
fn accounted(daemon: &Daemon) -> Result<u64> {
    let mut seen = BTreeSet::new();
    let mut bytes = 0;
    for entry in fs::read_dir(format!("/proc/{}/fdinfo", daemon.id()))? {
        let text = fs::read_to_string(entry?.path())?;
        let value = |key: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(key))?;
            line.trim().parse::<u64>().ok()
        };
        if let (Some(id), Some(memory)) = (value("map_id:"), value("memlock:"))
            && value("frozen:") == Some(0)
            && seen.insert(id)
        {
            bytes += memory;
        }
    }
    Ok(bytes)
}

/// Bytes that all CPUs have of their own (`Documentation/filesystems/proc.rst`, "meminfo").
fn per_cpu() -> Result<f64> {
    let text = fs::read_to_string("/proc/meminfo").context("/proc/meminfo")?;
    let line = text.lines().find_map(|line| line.strip_prefix("Percpu:"));
    let kibibytes = line.context("no Percpu")?.trim().trim_end_matches(" kB");
    Ok(kibibytes.parse::<f64>()? * 1024.0)
}

/// How many CPUs there may ever be: the list begins with 0.
fn possible() -> Result<usize> {
    let path = "/sys/devices/system/cpu/possible";
    let text = fs::read_to_string(path).context(path)?;
    let last = text.trim().rsplit('-').next().context("no CPUs")?;
    Ok(last.parse::<usize>().with_context(|| text.clone())? + 1)
}
