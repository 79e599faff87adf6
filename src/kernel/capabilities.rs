//! Capabilities of this process that matter to eBPF.

use caps::{CapSet, Capability};
use serde::Serialize;

/// One capability and whether it is effective.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Held {
    pub name: &'static str,
    pub effective: bool,
    /// What Geophone wants it for.
    pub purpose: &'static str,
}

const RELEVANT: [(Capability, &str, &str); 7] = [
    (Capability::CAP_BPF, "CAP_BPF", "load programs, use maps"),
    (
        Capability::CAP_PERFMON,
        "CAP_PERFMON",
        "trace the kernel and read its memory",
    ),
    (
        Capability::CAP_SYS_ADMIN,
        "CAP_SYS_ADMIN",
        "run-time statistics; includes the two above",
    ),
    (
        Capability::CAP_SYS_RESOURCE,
        "CAP_SYS_RESOURCE",
        "locked memory before kernel 5.11",
    ),
    (
        Capability::CAP_DAC_READ_SEARCH,
        "CAP_DAC_READ_SEARCH",
        "read any tracefs and library file",
    ),
    (
        Capability::CAP_SYS_PTRACE,
        "CAP_SYS_PTRACE",
        "see the libraries of other users' processes",
    ),
    (
        Capability::CAP_CHECKPOINT_RESTORE,
        "CAP_CHECKPOINT_RESTORE",
        "open libraries whose file was replaced",
    ),
];

/// Number of `CAP_BPF`, which came with kernel 5.8.
const CAP_BPF_NUMBER: u32 = 39;

/// The relevant capabilities, each effective or not.
pub fn held() -> Vec<Held> {
    RELEVANT
        .into_iter()
        .map(|(capability, name, purpose)| Held {
            name,
            effective: has(capability),
            purpose,
        })
        .collect()
}

/// What this process lacks to load tracing programs: nothing where it may.
pub fn missing_capabilities() -> Vec<&'static str> {
    missing(knows_cap_bpf(), has)
}

fn missing(knows_cap_bpf: bool, has: impl Fn(Capability) -> bool) -> Vec<&'static str> {
    if has(Capability::CAP_SYS_ADMIN) {
        return Vec::new();
    }
    if !knows_cap_bpf {
        return vec!["CAP_SYS_ADMIN"];
    }
    RELEVANT
        .into_iter()
        .take(2)
        .filter_map(|(capability, name, _)| (!has(capability)).then_some(name))
        .collect()
}

fn has(capability: Capability) -> bool {
    caps::has_cap(None, CapSet::Effective, capability).unwrap_or(false)
}

fn knows_cap_bpf() -> bool {
    let last = std::fs::read_to_string("/proc/sys/kernel/cap_last_cap");
    last.ok()
        .and_then(|last| last.trim().parse::<u32>().ok())
        .is_none_or(|last| last >= CAP_BPF_NUMBER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn administrators_need_nothing_else() {
        assert!(missing(true, |held| held == Capability::CAP_SYS_ADMIN).is_empty());
        assert!(missing(false, |held| held == Capability::CAP_SYS_ADMIN).is_empty());
    }

    #[test]
    fn others_need_both_or_on_old_kernels_all() {
        assert_eq!(missing(true, |_| false), ["CAP_BPF", "CAP_PERFMON"]);
        assert_eq!(
            missing(true, |held| held == Capability::CAP_BPF),
            ["CAP_PERFMON"]
        );
        assert_eq!(
            missing(false, |held| held == Capability::CAP_BPF),
            ["CAP_SYS_ADMIN"]
        );
    }
}
