use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::identity::Identity;
use super::process::Process;
use super::touch::Course;

/// What is scanned. Its calls may block for as long as a file system or a process wants.
pub(super) trait Machine: Send + Sync {
    /// Ids of all processes, of kernel threads too.
    fn processes(&self) -> io::Result<Vec<u32>>;

    /// Tells `course` what it touches, and leaves alone what that avoids.
    fn look(&self, task: Task, course: &Course) -> Sight;
}

/// One thing to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Task {
    /// The libraries that lie where the host's loader finds them, and in known places.
    Host,
    /// Those that this process maps.
    Process(u32),
}

/// What was seen.
#[derive(Debug)]
pub(super) enum Sight {
    Host(HostSight),
    Process(ProcessSight),
    KernelThread { start_time: u64 },
    Denied { start_time: u64 },
    Gone,
}

impl Sight {
    /// Whether it keeps files open.
    pub fn has_files(&self) -> bool {
        match self {
            Self::Host(sight) => !sight.files.is_empty(),
            Self::Process(sight) => !sight.mapped.is_empty(),
            Self::KernelThread { .. } | Self::Denied { .. } | Self::Gone => false,
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct HostSight {
    pub files: Vec<Candidate>,
    /// Files and directories that exist and cannot be read.
    pub unreadable: u64,
    /// Files and directories that are left alone because they did not answer.
    pub unanswered: u64,
    /// Files beyond the limit.
    pub left_out: u64,
}

#[derive(Debug)]
pub(super) struct ProcessSight {
    pub process: Process,
    pub mapped: Vec<Candidate>,
    /// Mapped libraries whose file cannot be opened.
    pub unreadable: u64,
    /// Mapped libraries that are left alone because they did not answer.
    pub unanswered: u64,
    /// Whether it has more mappings than are read.
    pub is_cut_short: bool,
}

/// A file with a name that somebody wants.
#[derive(Debug)]
pub(super) struct Candidate {
    pub wanted: Vec<Arc<str>>,
    pub name: Arc<str>,
    pub path: PathBuf,
    pub file: File,
    pub identity: Identity,
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(super) mod testing {
    use super::*;

    /// A file `libx.so.1` that is this.
    pub fn candidate(identity: &Identity) -> Candidate {
        at("/lib/libx.so.1", identity)
    }

    pub fn at(path: &str, identity: &Identity) -> Candidate {
        let path = PathBuf::from(path);
        Candidate {
            wanted: vec!["x".into()],
            name: path.file_name().unwrap().to_str().unwrap().into(),
            path,
            file: File::open("/dev/null").unwrap(),
            identity: identity.clone(),
        }
    }

    pub fn process(tgid: u32) -> Process {
        Process {
            tgid,
            start_time: 7,
            comm: "x".into(),
            cgroup: None,
        }
    }
}
