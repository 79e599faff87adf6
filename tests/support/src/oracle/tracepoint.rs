//! How often a tracepoint was passed, by the kernel's own tracing
//! (`Documentation/trace/ftrace.rst`, "Instances" and "per_cpu/cpu0/stats").

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result};

use crate::mount::FileSystem;

/// A trace buffer that one event alone is written to; removed when dropped.
pub struct Tracepoint {
    instance: PathBuf,
    _file_system: FileSystem,
}

impl Tracepoint {
    /// Begins to count. `event` is `SYSTEM/NAME`.
    pub fn count(event: &str) -> Result<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let file_system = FileSystem::of_kind("tracefs")?;
        let name = format!("instances/geophone-test-{}-{number}", std::process::id());
        let instance = file_system.path().join(name);
        fs::create_dir(&instance).with_context(|| instance.display().to_string())?;
        let tracepoint = Self {
            instance,
            _file_system: file_system,
        };
        let enable = tracepoint
            .instance
            .join("events")
            .join(event)
            .join("enable");
        fs::write(&enable, "1").with_context(|| enable.display().to_string())?;
        Ok(tracepoint)
    }

    /// Events so far. What a full buffer has overwritten is counted too.
    pub fn events(&self) -> Result<u64> {
        let directory = self.instance.join("per_cpu");
        let cpus = fs::read_dir(&directory).with_context(|| directory.display().to_string())?;
        let mut events = 0;
        for cpu in cpus {
            let path = cpu?.path().join("stats");
            let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
            events += sum(&text).with_context(|| format!("{}: {text:?}", path.display()))?;
        }
        Ok(events)
    }

    /// The events that are still in the buffer, as the kernel prints them.
    pub fn text(&self) -> Result<String> {
        let path = self.instance.join("trace");
        fs::read_to_string(&path).with_context(|| path.display().to_string())
    }
}

impl Drop for Tracepoint {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir(&self.instance) {
            eprintln!("left behind: {}: {error}", self.instance.display());
        }
    }
}

/// What is in the buffer, what was overwritten, and what found no place at all.
fn sum(stats: &str) -> Option<u64> {
    ["entries", "overrun", "commit overrun", "dropped events"]
        .into_iter()
        .map(|name| {
            let lines = stats.lines().filter_map(|line| line.split_once(':'));
            let (_, value) = { lines }.find(|(key, _)| *key == name)?;
            value.trim().parse::<u64>().ok()
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_overwritten_counts() {
        let stats = "entries: 7\noverrun: 30\ncommit overrun: 1\nbytes: 308\n\
                     oldest event ts:  5.1\nnow ts:  9.2\ndropped events: 2\nread events: 0\n";
        assert_eq!(sum(stats), Some(40));
        assert_eq!(sum("entries: 7\n"), None);
    }
}
