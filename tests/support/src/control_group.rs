//! Control groups (v2) for threads of this process, and for other processes.

use std::ffi::OsStr;
use std::fs;
use std::io::{Error, ErrorKind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::mount::FileSystem;
use crate::wait;

/// What the kernel does with a group takes far less.
const LIMIT: Duration = Duration::from_secs(10);

/// A control group below the one this process is in. Removed when dropped.
pub struct Group {
    directory: PathBuf,
    label: String,
    /// Goes when the last group goes, if it was mounted for them.
    _file_system: Arc<FileSystem>,
}

impl Group {
    /// A threaded one (`Documentation/admin-guide/cgroup-v2.rst`, "Threads"): threads can enter
    /// it one by one while the process stays where it is.
    pub fn new() -> Result<Self> {
        Self::threaded(mounted()?)
    }

    /// Many threaded ones.
    pub fn several(count: usize) -> Result<Vec<Self>> {
        let file_system = mounted()?;
        let each = (0..count).map(|_| Self::threaded(Arc::clone(&file_system)));
        each.collect()
    }

    /// One for whole processes. Its label has a replacement character for what is no text.
    pub fn named(name: impl AsRef<OsStr>) -> Result<Self> {
        Self::within(mounted()?, &above("self")?, name.as_ref())
    }

    /// A threaded one below the group that process `pid` is in.
    pub fn of_process(pid: u32) -> Result<Self> {
        let above = above(&pid.to_string())?;
        let group = Self::within(mounted()?, &above, "geophone-test".as_ref())?;
        group.write("cgroup.type", "threaded")?;
        Ok(group)
    }

    fn threaded(file_system: Arc<FileSystem>) -> Result<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("geophone-test-{}-{number}", std::process::id());
        let group = Self::within(file_system, &above("self")?, name.as_ref())?;
        group.write("cgroup.type", "threaded")?;
        Ok(group)
    }

    fn within(file_system: Arc<FileSystem>, above: &str, name: &OsStr) -> Result<Self> {
        let above = above.trim_end_matches('/');
        let label = format!("{above}/{}", name.to_string_lossy());
        let directory = file_system.path().join(above.trim_start_matches('/'));
        let directory = directory.join(name);
        fs::create_dir(&directory).with_context(|| directory.display().to_string())?;
        Ok(Self {
            directory,
            label,
            _file_system: file_system,
        })
    }

    /// Takes a process in.
    pub fn take(&self, process: u32) -> Result<()> {
        self.write("cgroup.procs", &process.to_string())
    }

    /// Takes in a thread of any process in the group above.
    pub fn take_thread(&self, thread: u32) -> Result<()> {
        self.write("cgroup.threads", &thread.to_string())
    }

    /// Stops all that is in it; when this returns nothing runs.
    pub fn freeze(&self) -> Result<()> {
        self.write("cgroup.freeze", "1")?;
        wait::until("all in the group to stand still", LIMIT, || {
            let events = fs::read_to_string(self.directory.join("cgroup.events"))?;
            Ok(events.lines().find(|line| *line == "frozen 1").map(drop))
        })
    }

    /// Has it go on.
    pub fn thaw(&self) -> Result<()> {
        self.write("cgroup.freeze", "0")
    }

    /// What Geophone calls it: its path from the top of the hierarchy.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// Takes the calling thread in.
    pub fn enter(&self) -> Result<()> {
        self.write("cgroup.threads", "0")
    }

    fn write(&self, file: &str, text: &str) -> Result<()> {
        let path = self.directory.join(file);
        fs::write(&path, text).with_context(|| format!("writing {text} to {}", path.display()))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // A thread that has been joined may not have left the group yet.
        let removed = wait::until("the control group to be empty", LIMIT, || {
            // Who made the group above may have removed it.
            let removed = fs::remove_dir(&self.directory);
            let is_gone = |error: &Error| error.kind() == ErrorKind::NotFound;
            Ok((removed.is_ok() || removed.is_err_and(|error| is_gone(&error))).then_some(()))
        });
        if let Err(error) = removed {
            eprintln!("left behind: {}: {error}", self.directory.display());
        }
    }
}

fn mounted() -> Result<Arc<FileSystem>> {
    FileSystem::of_kind("cgroup2").map(Arc::new)
}

/// The group of a process, or of this one, which is `self`, in the unified hierarchy (cgroups(7)).
fn above(process: &str) -> Result<String> {
    let file = format!("/proc/{process}/cgroup");
    let text = fs::read_to_string(&file).context(file)?;
    let path = text.lines().find_map(|line| line.strip_prefix("0::"));
    Ok(path.context("this kernel has no cgroup v2")?.to_owned())
}
