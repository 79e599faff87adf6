//! `/proc/softirqs`, and the softirq time in `/proc/stat` (`proc_stat(5)`).

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result};

/// `USER_HZ`: in what `/proc/stat` counts time, on every architecture the daemon runs on.
const TICKS_PER_SECOND: f64 = 100.0;

/// The counters, summed over CPUs.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Softirqs {
    /// By vector, in lower case.
    runs: BTreeMap<String, u64>,
    /// By sampling at the timer's interrupt, unless the kernel accounts interrupts exactly
    /// (`CONFIG_IRQ_TIME_ACCOUNTING`, `CONFIG_VIRT_CPU_ACCOUNTING`).
    seconds: f64,
}

impl Softirqs {
    pub fn read() -> Result<Self> {
        let read = |path: &str| fs::read_to_string(path).with_context(|| path.to_owned());
        Self::parse(&read("/proc/softirqs")?, &read("/proc/stat")?)
            .context("/proc/softirqs or /proc/stat has another format")
    }

    pub fn vectors(&self) -> impl Iterator<Item = &str> {
        self.runs.keys().map(String::as_str)
    }

    /// Runs of `vector` since `earlier`.
    pub fn runs_since(&self, earlier: &Self, vector: &str) -> f64 {
        let runs = |at: &Self| at.runs.get(vector).copied().unwrap_or(0);
        runs(self).saturating_sub(runs(earlier)) as f64
    }

    /// Seconds of all CPUs in softirqs since `earlier`.
    pub fn seconds_since(&self, earlier: &Self) -> f64 {
        self.seconds - earlier.seconds
    }

    fn parse(softirqs: &str, stat: &str) -> Option<Self> {
        let runs = softirqs.lines().skip(1).map(|line| {
            let (vector, counts) = line.split_once(':')?;
            let counts: Result<Vec<u64>, _> = counts.split_whitespace().map(str::parse).collect();
            Some((
                vector.trim().to_ascii_lowercase(),
                counts.ok()?.iter().sum(),
            ))
        });
        // user nice system idle iowait irq softirq, behind the line's name.
        let ticks: f64 = stat
            .lines()
            .next()?
            .split_whitespace()
            .nth(7)?
            .parse()
            .ok()?;
        Some(Self {
            runs: runs.collect::<Option<_>>()?,
            seconds: ticks / TICKS_PER_SECOND,
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn cpus_are_summed() {
        let text = "           CPU0  CPU1\n    HI:  1  2\nNET_RX: 10 20\n";
        let now = Softirqs::parse(text, "cpu  1 2 3 4 5 6 700 8 9 10\ncpu0 0\n").unwrap();
        assert_eq!(now.vectors().collect::<Vec<_>>(), ["hi", "net_rx"]);
        let nothing = Softirqs::default();
        assert!((now.runs_since(&nothing, "net_rx") - 30.0).abs() < f64::EPSILON);
        assert!((now.seconds_since(&nothing) - 7.0).abs() < f64::EPSILON);
        assert_eq!(Softirqs::parse("\nHI: x\n", "cpu 1 2 3 4 5 6 7"), None);
    }
}
