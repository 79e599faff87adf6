//! What a workload is called.

use std::sync::Arc;

use crate::discover::Labels;
use crate::discover::library::Process;

/// Digits of a container's id, and how many of them its short name has: as many as
/// `docker ps` shows.
const ID: usize = 64;
const SHORT_ID: usize = 12;

/// How the names of units end that others are in, and processes seldom.
const SLICE: &str = ".slice";

/// How workloads are told apart, and called.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Naming {
    /// By the container, job or unit that a control group is of, in place of its path.
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

/// The innermost container of a path, else its Slurm job, else its parts without the slices.
///
/// Slices are how a manager shares out resources. The names of units are unique within one
/// manager, whatever slices they are in, and what has another manager in it, or another's units,
/// stays in the name: leaving slices out makes nothing one that is not one already.
fn short(path: &str) -> String {
    let parts = || path.split('/').filter(|part| !part.is_empty());
    if let Some(container) = parts().rev().find_map(container) {
        return container;
    }
    if let Some(job) = slurm_job(parts()) {
        return job;
    }
    let rest: Vec<&str> = parts().filter(|part| !part.ends_with(SLICE)).collect();
    if rest.is_empty() {
        path.to_owned()
    } else {
        rest.join("/")
    }
}

/// `slurm-job-7` of `slurmstepd.scope/job_7/step_0`, or of version 1's `slurm/uid_0/job_7`.
fn slurm_job<'a>(parts: impl Iterator<Item = &'a str>) -> Option<String> {
    let mut below = parts.skip_while(|part| !part.starts_with("slurm"));
    let job = below.find_map(|part| {
        let job = part.strip_prefix("job_")?;
        let is_number = !job.is_empty() && job.bytes().all(|it| it.is_ascii_digit());
        is_number.then_some(job)
    })?;
    Some(format!("slurm-job-{job}"))
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
    fn containers_jobs_and_units_are_known_by_their_names() {
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
            ("/system.slice/slurmstepd.scope/job_7/step_0", "slurm-job-7"),
            (
                "/system.slice/slurmstepd.scope/job_8/step_0/user/task_0",
                "slurm-job-8",
            ),
            ("/slurm/uid_0/job_7/step_0", "slurm-job-7"),
            ("/slurm_node1/uid_0/job_7/step_0", "slurm-job-7"),
            ("/slurm/job_7/docker-ID.scope", "docker-4a1b2c3d4e5f"),
            ("/slurm/job_x/step_0", "slurm/job_x/step_0"),
            ("/job_7/slurm", "job_7/slurm"),
            ("/system.slice/ollama.service", "ollama.service"),
            (
                "/system.slice/ollama.service/workers",
                "ollama.service/workers",
            ),
            (
                "/user.slice/user-0.slice/user@0.service/app.slice/train.scope",
                "user@0.service/train.scope",
            ),
            (
                "/user.slice/user-0.slice/user@0.service/init.scope",
                "user@0.service/init.scope",
            ),
            (
                "/lxc.payload.web/system.slice/app.service",
                "lxc.payload.web/app.service",
            ),
            (
                "/machine.slice/systemd-nspawn@web.service/payload/system.slice/app.service",
                "systemd-nspawn@web.service/payload/app.service",
            ),
            ("/user.slice/user-0.slice", "/user.slice/user-0.slice"),
            // Longer than an id.
            ("/xID", "xID"),
        ] {
            let long = |text: &str| text.replace("ID", DIGITS);
            assert_eq!(short(&long(path)), long(name), "{path}");
        }
    }

    /// A group's path of parts that are no container's, and no job's.
    fn path() -> impl Strategy<Value = Vec<&'static str>> {
        let part = proptest::sample::select(vec![
            "a.slice",
            "b.slice",
            "a.service",
            "b.service",
            "user@0.service",
            "lxc.payload.a",
            "init.scope",
            "payload",
            "slurm",
            "job_",
            "a",
        ]);
        proptest::collection::vec(part, 1..5)
    }

    fn without_slices(parts: &[&'static str]) -> Vec<&'static str> {
        let is_slice = |part: &&&str| part.ends_with(SLICE);
        parts.iter().filter(|it| !is_slice(it)).copied().collect()
    }

    proptest! {
        #[test]
        fn only_slices_make_no_difference(a in path(), b in path()) {
            let named = |parts: &[&str]| short(&format!("/{}", parts.join("/")));
            let (x, y) = (without_slices(&a), without_slices(&b));
            // Of slices alone nothing would be left.
            let same = if x.is_empty() { a == b } else { x == y };
            prop_assert_eq!(named(&a) == named(&b), same);
        }

        #[test]
        fn every_group_has_a_name(path in "/[a-fß0-9./-]{0,140}") {
            prop_assert!(!short(&path).is_empty());
        }
    }
}
