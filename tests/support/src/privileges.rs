//! Whether this process may load eBPF programs.

use std::env;

use caps::{CapSet, Capability};

/// The variable that turns a skipped test into a failed one, as in continuous integration.
pub const REQUIRE: &str = "GEOPHONE_REQUIRE_BPF";

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
    let reason = format!("this test needs {missing:?}: run it as root");
    let required = env::var_os(REQUIRE).is_some_and(|value| value == "1");
    assert!(!required, "{reason} ({REQUIRE}=1 forbids skipping)");
    eprintln!("SKIPPED: {reason}");
    false
}
