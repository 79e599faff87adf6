//! The host's facts as `geophone doctor` tells them: what is, and what to do about it.

use serde::Serialize;

use super::capabilities::missing_capabilities;
use super::host::{Host, Lockdown};
use super::process::MemoryLimit;

/// One fact, in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Feature {
    pub name: &'static str,
    pub value: String,
    pub standing: Standing,
    /// What it costs, and what would help; empty where nothing is amiss.
    pub remedy: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    Fine,
    /// Something is not available that some module could use.
    Limited,
    /// Nothing works.
    Prohibitive,
}

impl Host {
    /// The facts in words, in the order in which they are worth reading.
    pub fn features(&self) -> Vec<Feature> {
        vec![
            fine(
                "kernel",
                format!("{} ({})", self.release, self.architecture),
            ),
            self.type_information(),
            self.permissions(),
            self.lockdown_mode(),
            self.tracefs(),
            self.cgroups(),
            self.cpus(),
            self.jit(),
            self.statistics(),
            self.paranoia(),
            self.memory(),
            fine(
                "unprivileged BPF",
                match self.unprivileged_bpf_disabled {
                    Some(0) => "allowed".to_owned(),
                    Some(1) => "disabled for good".to_owned(),
                    Some(_) => "disabled".to_owned(),
                    None => "unknown".to_owned(),
                },
            ),
            fine(
                "real time",
                self.realtime
                    .map_or("unknown", |yes| if yes { "yes" } else { "no" })
                    .to_owned(),
            ),
        ]
    }

    fn type_information(&self) -> Feature {
        let name = "BTF";
        match &self.btf {
            Some(it) => fine(name, format!("{}, {} bytes", it.path.display(), it.size)),
            None => Feature {
                name,
                value: "not there".to_owned(),
                standing: Standing::Prohibitive,
                remedy:
                    "mount sysfs at /sys, or boot a kernel with CONFIG_DEBUG_INFO_BTF, or name a \
                         BTF file for this one with --btf"
                        .to_owned(),
            },
        }
    }

    fn permissions(&self) -> Feature {
        let held: Vec<_> = self
            .capabilities
            .iter()
            .filter(|it| it.effective)
            .map(|it| it.name)
            .collect();
        let value = if held.is_empty() {
            "none".to_owned()
        } else {
            held.join(", ")
        };
        let missing = missing_capabilities();
        if missing.is_empty() {
            return fine("capabilities", value);
        }
        Feature {
            name: "capabilities",
            value,
            standing: Standing::Prohibitive,
            remedy: format!(
                "{} missing: run as root, or grant them (AmbientCapabilities= in a systemd unit)",
                missing.join(" and ")
            ),
        }
    }

    fn lockdown_mode(&self) -> Feature {
        let value = self.lockdown.to_string();
        match self.lockdown {
            Lockdown::Confidentiality => Feature {
                name: "lockdown",
                value,
                standing: Standing::Prohibitive,
                remedy: "the kernel lets nobody read its memory: boot with lockdown=integrity"
                    .to_owned(),
            },
            Lockdown::Unknown if self.mounts.securityfs.is_some() => {
                fine("lockdown", "not in this kernel".to_owned())
            }
            Lockdown::Unknown => limited(
                "lockdown",
                "unknown",
                "only securityfs tells the mode: \
                 mount -t securityfs securityfs /sys/kernel/security",
            ),
            Lockdown::None | Lockdown::Integrity => fine("lockdown", value),
        }
    }

    fn tracefs(&self) -> Feature {
        match self
            .mounts
            .tracefs
            .as_ref()
            .or(self.mounts.debugfs.as_ref())
        {
            Some(path) => fine("tracefs", path.clone()),
            None => limited(
                "tracefs",
                "not mounted",
                "tracepoint programs need CAP_SYS_ADMIN to attach (tp_btf and raw_tp do not): \
                 mount -t tracefs tracefs /sys/kernel/tracing",
            ),
        }
    }

    fn cgroups(&self) -> Feature {
        match (&self.mounts.cgroup2, self.mounts.cgroup1.len()) {
            (Some(path), 0) => fine("cgroups", format!("v2 at {path}")),
            (Some(path), count) => fine(
                "cgroups",
                format!("v2 at {path}, and {count} hierarchies of v1"),
            ),
            (None, count) => limited(
                "cgroups",
                &format!("no v2, {count} hierarchies of v1"),
                "metrics by control group need v2: mount -t cgroup2 cgroup2 /sys/fs/cgroup/unified",
            ),
        }
    }

    fn cpus(&self) -> Feature {
        let (online, possible) = (self.online_cpus.len(), self.possible_cpus.len());
        fine("CPUs", format!("{online} online, {possible} possible"))
    }

    fn jit(&self) -> Feature {
        match self.bpf_jit_enable {
            Some(0) => limited(
                "BPF JIT",
                "off",
                "programs are interpreted, at several times the cost: \
                 sysctl net.core.bpf_jit_enable=1",
            ),
            Some(_) => fine("BPF JIT", "on".to_owned()),
            None => fine("BPF JIT", "unknown".to_owned()),
        }
    }

    fn statistics(&self) -> Feature {
        match self.bpf_stats_enabled {
            Some(0) if self.holds("CAP_SYS_ADMIN") => {
                fine("BPF run-time statistics", "off unless asked for".to_owned())
            }
            Some(0) => limited(
                "BPF run-time statistics",
                "off",
                "what the programs cost cannot be measured without CAP_SYS_ADMIN",
            ),
            Some(_) => limited(
                "BPF run-time statistics",
                "on",
                "every run of every program costs more while they are on: \
                 sysctl kernel.bpf_stats_enabled=0",
            ),
            None => fine("BPF run-time statistics", "unknown".to_owned()),
        }
    }

    /// Debian's and others' level 3 asks for more than the kernel's own 2.
    fn paranoia(&self) -> Feature {
        let name = "perf_event_paranoid";
        match self.perf_event_paranoid {
            Some(level) if level > 2 && !self.holds("CAP_SYS_ADMIN") => limited(
                name,
                &level.to_string(),
                "performance events take CAP_SYS_ADMIN: without, tracepoint programs cannot \
                 attach, nor before kernel 6.6 those at functions of libraries: \
                 sysctl kernel.perf_event_paranoid=2",
            ),
            Some(level) => fine(name, level.to_string()),
            None => fine(name, "unknown".to_owned()),
        }
    }

    fn holds(&self, capability: &str) -> bool {
        let mut held = self.capabilities.iter();
        held.any(|it| it.name == capability && it.effective)
    }

    fn memory(&self) -> Feature {
        match self.locked_memory {
            None => fine("locked memory", "unknown".to_owned()),
            Some(MemoryLimit { soft: None, .. }) => fine("locked memory", "unlimited".to_owned()),
            Some(MemoryLimit {
                soft: Some(soft), ..
            }) => fine(
                "locked memory",
                format!("{soft} bytes (counts before kernel 5.11)"),
            ),
        }
    }
}

fn fine(name: &'static str, value: String) -> Feature {
    Feature {
        name,
        value,
        standing: Standing::Fine,
        remedy: String::new(),
    }
}

fn limited(name: &'static str, value: &str, remedy: &str) -> Feature {
    let (value, remedy) = (value.to_owned(), remedy.to_owned());
    Feature {
        name,
        value,
        standing: Standing::Limited,
        remedy,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_is_amiss_comes_with_a_remedy() {
        let mut host = Host::read(None);
        host.btf = None;
        host.lockdown = Lockdown::Confidentiality;
        host.bpf_jit_enable = Some(0);
        host.mounts = crate::kernel::host::Mounts::default();
        let features = host.features();
        for name in ["BTF", "lockdown", "BPF JIT", "tracefs", "cgroups"] {
            let feature = features.iter().find(|it| it.name == name).unwrap();
            assert_ne!(feature.standing, Standing::Fine, "{name}");
            assert!(!feature.remedy.is_empty(), "{name}");
        }
    }

    #[test]
    fn what_takes_more_privileges_than_are_held_is_said() {
        let mut host = Host::read(None);
        host.bpf_stats_enabled = Some(0);
        host.perf_event_paranoid = Some(3);
        let features = |host: &Host| [host.statistics(), host.paranoia()];
        for held in &mut host.capabilities {
            held.effective = held.name != "CAP_SYS_ADMIN";
        }
        for feature in features(&host) {
            assert_eq!(feature.standing, Standing::Limited, "{}", feature.name);
            assert!(feature.remedy.contains("CAP_SYS_ADMIN"));
        }
        for held in &mut host.capabilities {
            held.effective = true;
        }
        for feature in features(&host) {
            assert_eq!(feature.standing, Standing::Fine, "{}", feature.name);
        }
    }

    #[test]
    fn a_kernel_without_lockdown_is_told_from_one_that_cannot_be_asked() {
        let mut host = Host::read(None);
        host.lockdown = Lockdown::Unknown;
        host.mounts.securityfs = None;
        let feature = host.lockdown_mode();
        assert_eq!(feature.standing, Standing::Limited);
        assert!(feature.remedy.contains("mount"), "{}", feature.remedy);
        host.mounts.securityfs = Some("/sys/kernel/security".to_owned());
        let feature = host.lockdown_mode();
        assert_eq!(feature.standing, Standing::Fine);
        assert_eq!(feature.remedy, "");
    }
}
