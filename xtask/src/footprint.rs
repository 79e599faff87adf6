//! What the daemon takes on a machine with few CPUs and on one that may get many.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use serde::{Deserialize, Serialize};

use crate::guest::report::Check;

/// The check whose detail is a [`Footprint`], in JSON.
pub const FOOTPRINT: &str = "footprint";

/// Bytes of a module with arrays alone for each possible CPU, as docs/metrics.md has them. What
/// a kernel before 6.4 says of other maps is what they take when they are full.
const MODULE: (&str, f64) = ("tcp", 31_352.0);

/// How far from that it may be: the kernel says whole pages, of few CPUs and of many.
const ROUNDED: f64 = 0.01;

/// Of the daemon itself, which holds the values of one map at a time.
const MOST_RESIDENT: f64 = 2.5;

/// Bytes that a possible CPU may cost where there is a disk or two: the budget in
/// docs/overhead.md.
const MOST_FOR_EACH_CPU: f64 = 512.0 * 1024.0;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Footprint {
    pub online: usize,
    pub possible: usize,
    /// Bytes of the maps of each module.
    pub maps: BTreeMap<String, f64>,
    /// Bytes that all CPUs have of their own, more than without the daemon.
    pub per_cpu: f64,
    /// Bytes of the process.
    pub resident: u64,
    /// Seconds of a sweep.
    pub sweep: f64,
}

impl Footprint {
    /// None where it was not measured.
    pub fn of(checks: &[Check]) -> Option<Result<Self>> {
        let check = checks.iter().find(|check| check.name == FOOTPRINT)?;
        let detail = &check.detail;
        Some(serde_json::from_str(detail).with_context(|| format!("{FOOTPRINT}: {detail}")))
    }

    fn map_bytes(&self) -> f64 {
        self.maps.values().sum()
    }

    /// A few words.
    pub fn describe(&self) -> String {
        const MEBIBYTE: f64 = 1_048_576.0;
        format!(
            "{} of {} possible CPUs online: maps {:.2} MiB, per-CPU memory {:.2} MiB, resident {:.2} MiB, sweep {:.2} ms",
            self.online,
            self.possible,
            self.map_bytes() / MEBIBYTE,
            self.per_cpu / MEBIBYTE,
            self.resident as f64 / MEBIBYTE,
            self.sweep * 1e3
        )
    }

    /// How this, on a machine that may get more CPUs, compares with `plain`. Maps, and the time to
    /// read them, grow with the possible CPUs at most, and the daemon itself does not.
    pub fn beside(&self, plain: &Self) -> Result<String> {
        ensure!(
            self.possible > plain.possible && self.online == plain.online,
            "not to be compared: {self:?} with {plain:?}"
        );
        let cpus = self.possible as f64 / plain.possible as f64;
        let maps = self.map_bytes() / plain.map_bytes();
        let resident = self.resident as f64 / plain.resident as f64;
        let sweep = self.sweep / plain.sweep;
        let more = (self.possible - plain.possible) as f64;
        let each = (self.per_cpu - plain.per_cpu) / more;
        let told = format!(
            "possible CPUs x {cpus:.1}: maps x {maps:.1}, resident x {resident:.2}, \
             sweep x {sweep:.1}; per-CPU memory {:.0} KiB for each",
            each / 1024.0
        );
        ensure!(
            maps <= cpus && sweep <= cpus && resident <= MOST_RESIDENT,
            "{told}"
        );
        let (module, promised) = MODULE;
        let bytes = |it: &Self| it.maps.get(module).copied().unwrap_or_default();
        let said = (bytes(self) - bytes(plain)) / more;
        ensure!(
            (said / promised - 1.0).abs() <= ROUNDED,
            "{module}: {said:.0} bytes for each possible CPU, not {promised}; {told}"
        );
        // It is really there, and not much more.
        ensure!(
            each >= promised && each <= MOST_FOR_EACH_CPU,
            "{each:.0} bytes for each possible CPU; {told}"
        );
        Ok(told)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn footprint(possible: usize, each: f64) -> Footprint {
        let (module, bytes) = MODULE;
        let bytes = bytes * possible as f64;
        let maps = [(module.to_owned(), 500_000.0 + each * bytes)];
        Footprint {
            online: 2,
            possible,
            maps: maps.into(),
            per_cpu: bytes,
            resident: 1 << 20,
            sweep: 1e-3,
        }
    }

    #[test]
    fn memory_grows_as_promised() {
        let plain = footprint(2, 1.0);
        assert!(footprint(255, 1.0).beside(&plain).is_ok());
        assert!(footprint(255, 1.1).beside(&plain).is_err());
        assert!(footprint(255, 0.9).beside(&plain).is_err());
        assert!(footprint(2, 1.0).beside(&plain).is_err());
    }
}
