//! Facts about the host that decide what can be traced.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::capabilities::{self, Held};
use super::cpus;
use super::load::RUNNING;
use super::process::{MemoryLimit, memory_limit};

/// Everything about this kernel and process that eBPF depends on. Absent is what the kernel
/// does not tell.
#[derive(Debug, Clone, Serialize)]
pub struct Host {
    /// As `uname -r` gives it.
    pub release: String,
    pub architecture: &'static str,
    /// The type information in use.
    pub btf: Option<TypeInformation>,
    pub lockdown: Lockdown,
    pub capabilities: Vec<Held>,
    /// `kernel.unprivileged_bpf_disabled`: 0, 1 (for good) or 2.
    pub unprivileged_bpf_disabled: Option<i64>,
    /// `kernel.perf_event_paranoid`
    pub perf_event_paranoid: Option<i64>,
    /// `kernel.bpf_stats_enabled`
    pub bpf_stats_enabled: Option<i64>,
    /// `net.core.bpf_jit_enable`
    pub bpf_jit_enable: Option<i64>,
    pub possible_cpus: Vec<u32>,
    pub online_cpus: Vec<u32>,
    pub mounts: Mounts,
    pub locked_memory: Option<MemoryLimit>,
    /// Whether the kernel is built for real time (PREEMPT_RT).
    pub realtime: Option<bool>,
}

/// A file of type information (BTF).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TypeInformation {
    pub path: PathBuf,
    /// In bytes.
    pub size: u64,
}

/// How much the kernel protects itself from root.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Lockdown {
    None,
    Integrity,
    Confidentiality,
    /// The kernel has no lockdown, or securityfs is not mounted to ask.
    Unknown,
}

/// Where the file systems are mounted that Geophone can make use of.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Mounts {
    /// Cgroup v2.
    pub cgroup2: Option<String>,
    /// Cgroup v1: the hierarchies.
    pub cgroup1: Vec<String>,
    pub tracefs: Option<String>,
    pub debugfs: Option<String>,
    pub securityfs: Option<String>,
}

impl Host {
    /// Reads the facts now. `btf` is the file to use instead of the kernel's own type
    /// information.
    pub fn read(btf: Option<&Path>) -> Self {
        Self {
            release: text("/proc/sys/kernel/osrelease").unwrap_or_default(),
            architecture: std::env::consts::ARCH,
            btf: TypeInformation::find(btf.unwrap_or(Path::new(RUNNING))),
            lockdown: Lockdown::read(),
            capabilities: capabilities::held(),
            unprivileged_bpf_disabled: number("/proc/sys/kernel/unprivileged_bpf_disabled"),
            perf_event_paranoid: perf_event_paranoid(),
            bpf_stats_enabled: number("/proc/sys/kernel/bpf_stats_enabled"),
            bpf_jit_enable: number("/proc/sys/net/core/bpf_jit_enable"),
            possible_cpus: cpus::possible().unwrap_or_default(),
            online_cpus: cpus::online().unwrap_or_default(),
            mounts: Mounts::read(Path::new("/proc/self/mounts")).unwrap_or_default(),
            locked_memory: memory_limit().ok(),
            realtime: text("/proc/sys/kernel/version").map(|it| it.contains("PREEMPT_RT")),
        }
    }
}

impl TypeInformation {
    fn find(path: &Path) -> Option<Self> {
        let size = fs::metadata(path).ok()?.len();
        let path = path.to_owned();
        Some(Self { path, size })
    }
}

impl Lockdown {
    /// Reads the mode now.
    pub fn read() -> Self {
        text("/sys/kernel/security/lockdown").map_or(Self::Unknown, |modes| Self::parse(&modes))
    }

    /// The mode in brackets, as in `none [integrity] confidentiality`.
    fn parse(modes: &str) -> Self {
        let mode = modes
            .split_once('[')
            .and_then(|(_, rest)| rest.split_once(']'));
        match mode.map(|(mode, _)| mode) {
            Some("none") => Self::None,
            Some("integrity") => Self::Integrity,
            Some("confidentiality") => Self::Confidentiality,
            _ => Self::Unknown,
        }
    }
}

impl fmt::Display for Lockdown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Integrity => "integrity",
            Self::Confidentiality => "confidentiality",
            Self::Unknown => "unknown",
        })
    }
}

impl Mounts {
    /// Reads where file systems are mounted now, by the `mounts` of a process in /proc.
    ///
    /// # Errors
    ///
    /// procfs is not mounted.
    pub fn read(path: &Path) -> std::io::Result<Self> {
        Ok(Self::parse(&fs::read_to_string(path)?))
    }

    /// Of several mounts the first counts.
    fn parse(text: &str) -> Self {
        let mut mounts = Self::default();
        for line in text.lines() {
            let mut words = line.split(' ').skip(1);
            let (Some(path), Some(kind)) = (words.next(), words.next()) else {
                continue;
            };
            let path = || unescaped(path);
            match kind {
                "cgroup2" => drop(mounts.cgroup2.get_or_insert_with(path)),
                "cgroup" => mounts.cgroup1.push(path()),
                "tracefs" => drop(mounts.tracefs.get_or_insert_with(path)),
                "debugfs" => drop(mounts.debugfs.get_or_insert_with(path)),
                "securityfs" => drop(mounts.securityfs.get_or_insert_with(path)),
                _ => {}
            }
        }
        mounts
    }
}

/// A path as it is: the kernel writes white space and backslashes in octal (`show_vfsmnt()`,
/// fs/proc_namespace.c).
fn unescaped(path: &str) -> String {
    [
        ("\\040", " "),
        ("\\011", "\t"),
        ("\\012", "\n"),
        ("\\134", "\\"),
    ]
    .iter()
    .fold(path.to_owned(), |path, (octal, character)| {
        path.replace(octal, character)
    })
}

/// `kernel.perf_event_paranoid`: who may open performance events without privileges.
pub fn perf_event_paranoid() -> Option<i64> {
    number("/proc/sys/kernel/perf_event_paranoid")
}

fn number(path: &str) -> Option<i64> {
    text(path)?.parse().ok()
}

fn text(path: &str) -> Option<String> {
    fs::read_to_string(path)
        .ok()
        .map(|text| text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lockdown_mode_is_the_one_in_brackets() {
        assert_eq!(
            Lockdown::parse("[none] integrity confidentiality"),
            Lockdown::None
        );
        assert_eq!(
            Lockdown::parse("none [integrity] confidentiality"),
            Lockdown::Integrity
        );
        assert_eq!(
            Lockdown::parse("none integrity [confidentiality]"),
            Lockdown::Confidentiality
        );
        assert_eq!(Lockdown::parse("none"), Lockdown::Unknown);
    }

    #[test]
    fn mounts_are_found_by_their_type() {
        let text = "cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n\
                    cgroup /sys/fs/cgroup/cpu cgroup rw,cpu 0 0\n\
                    tracefs /sys/kernel/tracing tracefs rw 0 0\n\
                    tracefs /sys/kernel/debug/tracing tracefs rw 0 0\n\
                    debugfs /mnt/de\\040bug debugfs rw 0 0\n\
                    odd\n";
        let mounts = Mounts::parse(text);
        assert_eq!(mounts.cgroup2.as_deref(), Some("/sys/fs/cgroup/unified"));
        assert_eq!(mounts.cgroup1, ["/sys/fs/cgroup/cpu"]);
        assert_eq!(mounts.tracefs.as_deref(), Some("/sys/kernel/tracing"));
        assert_eq!(mounts.debugfs.as_deref(), Some("/mnt/de bug"));
        assert_eq!(mounts.securityfs, None);
    }

    #[test]
    fn this_host_has_a_release_and_cpus() {
        let host = Host::read(None);
        assert!(!host.release.is_empty());
        assert!(!host.online_cpus.is_empty());
        assert!(host.locked_memory.is_some());
    }
}
