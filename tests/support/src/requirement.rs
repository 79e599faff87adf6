//! What tests need of a machine, and what it means if that is missing.

use std::env;
use std::io::Write as _;

/// Something without which tests are skipped.
///
/// Its variable turns a skipped test into a failed one, as in continuous integration. All of
/// them begin with `GEOPHONE_REQUIRE_`, which the daemon leaves to them: any other variable
/// that begins with `GEOPHONE_` is a setting of the daemon's.
#[derive(Debug, Clone, Copy)]
pub enum Requirement {
    /// The right to load eBPF programs, and a second reader of BTF.
    Bpf,
    /// Prometheus and promtool.
    Prometheus,
    /// Control groups that bound memory.
    MemoryGroups,
    /// A Python with OpenTelemetry's messages, and a Prometheus that receives them.
    Otlp,
}

impl Requirement {
    pub fn variable(self) -> &'static str {
        match self {
            Self::Bpf => "GEOPHONE_REQUIRE_BPF",
            Self::Prometheus => "GEOPHONE_REQUIRE_PROMETHEUS",
            Self::MemoryGroups => "GEOPHONE_REQUIRE_MEMORY_GROUPS",
            Self::Otlp => "GEOPHONE_REQUIRE_OTLP",
        }
    }

    /// Says loudly that a test is skipped, which must return at once.
    ///
    /// # Panics
    ///
    /// When the variable is 1.
    pub fn skip(self, reason: &str) {
        let variable = self.variable();
        let required = env::var_os(variable).is_some_and(|value| value == "1");
        assert!(!required, "{reason} ({variable}=1 forbids skipping)");
        skipped(reason);
    }
}

/// Says loudly that a test is skipped, whatever is required.
pub(crate) fn skipped(reason: &str) {
    // Past the test harness, which would swallow it.
    let _ = writeln!(std::io::stderr(), "SKIPPED: {reason}");
}
