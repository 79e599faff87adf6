use std::error::Error;
use std::fmt::Write as _;
use std::io;

use aya::programs::ProgramError;

use super::{Alternative, Attach};
use crate::kernel::capabilities::missing_capabilities;
use crate::kernel::host::Lockdown;
use crate::kernel::sys::ENOTSUPP;
use crate::kernel::sys::uprobe::Refused;
use crate::kernel::tracefs;

/// Lines of a verifier's log that go into a reason; the end is where it says what it minds.
const LOG_LINES: usize = 4;

/// Why an alternative was not taken.
#[derive(Debug)]
pub(super) struct Refusal {
    /// Whether the kernel simply does not offer what the program needs.
    pub unsupported: bool,
    pub reason: String,
}

impl Refusal {
    pub fn unsupported(reason: impl Into<String>) -> Self {
        Self {
            unsupported: true,
            reason: reason.into(),
        }
    }

    pub fn failed(reason: impl Into<String>) -> Self {
        Self {
            unsupported: false,
            reason: reason.into(),
        }
    }

    /// Of a program that was loaded without aya.
    pub fn from_load(refused: &Refused, alternative: &Alternative) -> Self {
        let verdict = Self::from_verifier(&refused.error, &refused.log, alternative);
        verdict.unwrap_or_else(|| match refused.error.raw_os_error() {
            Some(libc::EPERM) => Self {
                unsupported: missing_capabilities().is_empty(),
                reason: forbidden(alternative.attach),
            },
            _ => Self::failed(refused.error.to_string()),
        })
    }

    /// None for a program that was not even looked at: it is refused for what it is.
    fn from_verifier(error: &io::Error, log: &str, alternative: &Alternative) -> Option<Self> {
        if !log.is_empty() {
            tracing::debug!(function = alternative.function, log, "verifier log");
        }
        let unseen = matches!(
            error.raw_os_error(),
            Some(libc::EPERM | libc::ENOENT | libc::EOPNOTSUPP | ENOTSUPP)
        );
        (!unseen).then(|| {
            if may_not_read(log) {
                Self::unsupported(MAY_NOT_READ)
            } else {
                Self::failed(rejected(error, log))
            }
        })
    }

    /// Reads cause and remedy off what aya reports for an alternative.
    pub fn from_aya(error: &ProgramError, alternative: &Alternative) -> Self {
        let code = os_error(error).and_then(io::Error::raw_os_error);
        if let ProgramError::LoadError {
            io_error,
            verifier_log,
        } = error
        {
            let log = verifier_log.to_string();
            if let Some(verdict) = Self::from_verifier(io_error, &log, alternative) {
                return verdict;
            }
        }
        let target = &alternative.target;
        match (code, alternative.attach) {
            (Some(libc::EPERM | libc::EACCES), attach) => Self {
                unsupported: missing_capabilities().is_empty(),
                reason: forbidden(attach),
            },
            (Some(libc::ENOENT | libc::EINVAL | libc::EADDRNOTAVAIL), Attach::Kprobe)
                if !std::path::Path::new("/sys/bus/event_source/devices/kprobe").exists() =>
            {
                Self::unsupported("the kernel has no kprobes (CONFIG_KPROBE_EVENTS)")
            }
            (Some(libc::ENOENT | libc::EADDRNOTAVAIL), Attach::Kprobe | Attach::Fentry) => {
                Self::unsupported(format!("the kernel has no function {target} to attach to"))
            }
            (Some(libc::ENOENT), _) => {
                Self::unsupported(format!("the kernel has no tracepoint {target}"))
            }
            (Some(libc::EOPNOTSUPP | ENOTSUPP | libc::ENODEV), attach) => Self::unsupported(
                format!("the kernel does not support {attach} programs here"),
            ),
            (Some(libc::EBUSY), Attach::Fentry) => {
                Self::failed(format!("{target} is taken by another tracer"))
            }
            _ => Self::failed(chain(error)),
        }
    }
}

impl Refusal {
    /// What keeps tracefs from telling the number of a tracepoint.
    pub fn from_tracefs(error: &io::Error, target: &str) -> Self {
        match error.raw_os_error() {
            Some(libc::ENOENT) => {
                Self::unsupported(format!("the kernel has no tracepoint {target}"))
            }
            Some(libc::ENODEV) => {
                Self::unsupported("the kernel has no tracefs (CONFIG_EVENT_TRACING)")
            }
            Some(libc::EPERM | libc::EACCES) => Self::unsupported(tracefs::unreadable(error)),
            _ => Self::failed(tracefs::unreadable(error)),
        }
    }

    /// Why a perf event was refused, or the program at it.
    pub fn from_perf(error: &io::Error, alternative: &Alternative) -> Self {
        match error.raw_os_error() {
            Some(libc::EPERM | libc::EACCES) => Self {
                unsupported: missing_capabilities().is_empty(),
                reason: forbidden(alternative.attach),
            },
            Some(libc::EOPNOTSUPP | ENOTSUPP | libc::ENODEV | libc::ENOSYS) => {
                Self::unsupported(format!(
                    "the kernel does not support {} programs here",
                    alternative.attach
                ))
            }
            _ => Self::failed(format!("cannot attach to {}: {error}", alternative.target)),
        }
    }
}

const MAY_NOT_READ: &str = "the kernel lets programs read its memory by BTF types only, as under \
     lockdown=confidentiality, and this one needs more: boot with lockdown=integrity";

/// Whether the verifier knows no helper that reads memory, which `LOCKDOWN_BPF_READ_KERNEL`
/// takes away (`bpf_tracing_func_proto()`).
fn may_not_read(log: &str) -> bool {
    let missing = ["unknown func ", "program of this type cannot use helper "];
    log.lines().any(|line| {
        let helper = missing.iter().find_map(|it| line.split_once(it));
        helper.is_some_and(|(_, helper)| helper.starts_with("bpf_probe_read"))
    })
}

fn rejected(error: &io::Error, log: &str) -> String {
    let mut lines: Vec<&str> = log
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !is_statistics(line))
        .collect();
    let tail = lines.split_off(lines.len().saturating_sub(LOG_LINES));
    let mut reason = format!("the verifier rejected the program: {error}");
    for line in tail {
        // Writing to a string cannot fail.
        let _ = write!(reason, "; {line}");
    }
    if !log.is_empty() {
        reason.push_str(" (--log.level=debug shows the whole log)");
    }
    reason
}

/// What the verifier adds to every log.
fn is_statistics(line: &str) -> bool {
    ["processed ", "verification time ", "stack depth "]
        .iter()
        .any(|it| line.starts_with(it))
}

/// Why something was not permitted, and what would help.
pub(super) fn forbidden(attach: Attach) -> String {
    let missing = missing_capabilities();
    if !missing.is_empty() {
        let mut reason = format!(
            "not permitted: this process lacks {}; run it as root or grant them",
            missing.join(" and ")
        );
        let perf = matches!(attach, Attach::Tracepoint | Attach::Kprobe);
        if let (true, Some(level)) = (perf, crate::kernel::host::perf_event_paranoid()) {
            // Writing to a string cannot fail.
            let _ = write!(reason, " (kernel.perf_event_paranoid is {level})");
        }
        return reason;
    }
    match Lockdown::read() {
        Lockdown::Confidentiality => format!(
            "kernel lockdown (confidentiality) forbids {attach} programs; \
             boot with lockdown=integrity"
        ),
        lockdown => format!(
            "the kernel does not permit {attach} programs although no capability is missing: \
             its configuration or a security module forbids them (lockdown: {lockdown})"
        ),
    }
}

/// The operating system's error behind an error, if there is one.
pub(super) fn os_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a io::Error> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(found) = error.downcast_ref::<io::Error>()
            && found.raw_os_error().is_some()
        {
            return Some(found);
        }
        cause = error.source();
    }
    None
}

/// An error with all its causes, in one line.
pub(super) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.contains(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
        cause = error.source();
    }
    text.replace('\n', "; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_missing_helper_that_reads_memory_is_lockdown() {
        for log in [
            "9: (85) call bpf_probe_read#4\nunknown func bpf_probe_read#4\n",
            "9: (85) call bpf_probe_read_kernel#113\n\
             program of this type cannot use helper bpf_probe_read_kernel#113\nprocessed 9 insns",
        ] {
            assert!(may_not_read(log), "{log}");
        }
        for log in [
            "",
            "unknown func bpf_ktime_get_ns#5",
            "call bpf_probe_read#4",
        ] {
            assert!(!may_not_read(log), "{log}");
        }
    }
}
