//! What a workload is called.

use std::sync::Arc;

use crate::discover::Labels;
use crate::discover::library::Process;

/// Digits of a container's id, and how many of them its short name has: as many as
/// `docker ps` shows.
const ID: usize = 64;
const SHORT_ID: usize = 12;

/// How workloads are told apart, and called.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Naming {
    /// By the container or unit that a control group is of, in place of its path.
    pub short_names: bool,
    /// By the process, too, whose id is a label of its own.
    pub per_process: bool,
}

impl Naming {
    /// The control group where there is one below the root, which says what the process is
    /// for; otherwise the command's name. Then the process id, if processes are told apart.
    pub fn of(self, process: &Process) -> Labels {
        let name = match &process.cgroup {
            Some(group) if &*group.path != "/" => {
                if self.short_names {
                    short(&group.path).into()
                } else {
                    Arc::clone(&group.path)
                }
            }
            _ => Arc::clone(&process.comm),
        };
        if self.per_process {
            Arc::new([name, process.tgid.to_string().into()])
        } else {
            Arc::new([name])
        }
    }
}

/// The innermost container of a path, else its innermost unit, else its last part.
fn short(path: &str) -> String {
    let parts = || path.rsplit('/').filter(|part| !part.is_empty());
    if let Some(container) = parts().find_map(container) {
        return container;
    }
    let is_unit = |part: &&str| {
        // What an instance of systemd keeps for itself says nothing.
        let kinds = [".service", ".scope"];
        *part != "init.scope" && kinds.iter().any(|kind| part.ends_with(kind))
    };
    let unit = parts().find(is_unit).or_else(|| parts().next());
    unit.unwrap_or(path).to_owned()
}

/// `docker-4a1b2c3d4e5f` of `docker-` and 64 digits and `.scope`; the runtime is there where
/// the group tells it.
fn container(part: &str) -> Option<String> {
    let name = part.strip_suffix(".scope").unwrap_or(part);
    let (runtime, id) = name.split_at_checked(name.len().checked_sub(ID)?)?;
    let is_id =
        id.bytes().all(|it| it.is_ascii_hexdigit()) && !runtime.ends_with(char::is_alphanumeric);
    is_id.then(|| format!("{runtime}{}", id.get(..SHORT_ID).unwrap_or(id)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DIGITS: &str = "4a1b2c3d4e5f00112233445566778899aabbccddeeff00112233445566778899";

    #[test]
    fn containers_and_units_are_known_by_their_names() {
        for (path, name) in [
            ("/system.slice/docker-ID.scope", "docker-4a1b2c3d4e5f"),
            ("/docker/ID", "4a1b2c3d4e5f"),
            ("/docker/ID/init.scope", "4a1b2c3d4e5f"),
            (
                "/kubepods.slice/kubepods-pod12_ab.slice/cri-containerd-ID.scope",
                "cri-containerd-4a1b2c3d4e5f",
            ),
            (
                "/machine.slice/libpod-ID.scope/container/app.service",
                "libpod-4a1b2c3d4e5f",
            ),
            ("/kubepods/burstable/pod12-ab/ID", "4a1b2c3d4e5f"),
            ("/system.slice/ollama.service", "ollama.service"),
            ("/system.slice/ollama.service/workers", "ollama.service"),
            (
                "/user.slice/user-0.slice/user@0.service/app.slice/train.scope",
                "train.scope",
            ),
            (
                "/user.slice/user-0.slice/user@0.service/init.scope",
                "user@0.service",
            ),
            ("/slurm/uid_0/job_7/step_0", "step_0"),
            // Longer than an id.
            ("/xID", "xID"),
        ] {
            let long = |text: &str| text.replace("ID", DIGITS);
            assert_eq!(short(&long(path)), long(name), "{path}");
        }
    }

    proptest! {
        #[test]
        fn every_group_has_a_name(path in "/[a-fß0-9./-]{0,140}") {
            prop_assert!(!short(&path).is_empty());
        }
    }
}
