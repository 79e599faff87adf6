//! A control group whose memory is bounded (`Documentation/admin-guide/cgroup-v2.rst`, "Memory",
//! and `Documentation/admin-guide/cgroup-v1/memory.rst`).

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use crate::requirement::Requirement;

/// Removed when dropped; nothing may run in it then.
pub struct MemoryGroup {
    directory: PathBuf,
}

impl MemoryGroup {
    /// None where no control groups with memory are mounted: then the caller must return at
    /// once.
    ///
    /// # Panics
    ///
    /// When there are none and `GEOPHONE_REQUIRE_MEMORY_GROUPS` is 1.
    pub fn with_room_for(bytes: u64) -> Result<Option<Self>> {
        let mounts = fs::read_to_string("/proc/self/mounts").context("/proc/self/mounts")?;
        let Some((top, limit)) = mounts.lines().find_map(memory) else {
            Requirement::MemoryGroups.skip("no control groups with memory are mounted");
            return Ok(None);
        };
        let name = format!("geophone-test-memory-{}", std::process::id());
        let directory = top.join(name);
        fs::create_dir(&directory).with_context(|| directory.display().to_string())?;
        let group = Self { directory };
        group.write(limit, bytes)?;
        // Where there is swap, the group shall have none of it.
        for (swap, bytes) in [
            ("memory.swap.max", 0),
            ("memory.memsw.limit_in_bytes", bytes),
        ] {
            if group.directory.join(swap).exists() {
                group.write(swap, bytes)?;
            }
        }
        Ok(Some(group))
    }

    /// Takes a process in.
    pub fn take(&self, process: u32) -> Result<()> {
        self.write("cgroup.procs", process.into())
    }

    /// Asks for memory in the group until whoever asks is killed, too.
    pub fn exhaust(&self) -> Result<()> {
        let enter = format!("echo $$ > {}/cgroup.procs", self.directory.display());
        // It looks for the end of a line, and keeps what it has read.
        let script = format!("{enter} && exec tail /dev/zero");
        Command::new("sh")
            .args(["-c", &script])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .status()?;
        Ok(())
    }

    fn write(&self, file: &str, number: u64) -> Result<()> {
        let path = self.directory.join(file);
        fs::write(&path, number.to_string()).with_context(|| path.display().to_string())
    }
}

/// Where the hierarchy with the memory controller is mounted, and the file for a group's limit.
fn memory(line: &str) -> Option<(PathBuf, &'static str)> {
    let mut fields = line.split(' ').skip(1);
    let (place, kind, options) = (fields.next()?, fields.next()?, fields.next()?);
    let top = PathBuf::from(place);
    match kind {
        "cgroup" if options.split(',').any(|it| it == "memory") => {
            Some((top, "memory.limit_in_bytes"))
        }
        "cgroup2" => {
            let controllers = fs::read_to_string(top.join("cgroup.subtree_control")).ok()?;
            let has = controllers.split_whitespace().any(|it| it == "memory");
            has.then_some((top, "memory.max"))
        }
        _ => None,
    }
}

impl Drop for MemoryGroup {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir(&self.directory) {
            eprintln!("left behind: {}: {error}", self.directory.display());
        }
    }
}
