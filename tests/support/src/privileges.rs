//! Whether this process may load eBPF programs.

use caps::{CapSet, Capability};

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
