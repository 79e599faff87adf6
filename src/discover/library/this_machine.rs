use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::files::{self, Root};
use super::host;
use super::identity::Identity;
use super::machine::{Candidate, Machine, ProcessSight, Sight, Task};
use super::mapping::Mapping;
use super::maps::Maps;
use super::process::{self, ControlGroup, Process, Status};
use super::touch::{Course, Touch};
use super::wanted::Wanted;
use crate::discover::cgroup;

/// Threads of a process without a main thread that are asked for its memory.
const THREADS: usize = 16;

/// This machine, by `/proc`.
pub(super) struct ThisMachine {
    root: PathBuf,
    wanted: Vec<Wanted>,
    /// Where the unified hierarchy is mounted.
    cgroups: Option<PathBuf>,
}

impl ThisMachine {
    pub fn new(root: PathBuf, wanted: Vec<Wanted>) -> Self {
        Self {
            root,
            wanted,
            cgroups: cgroup::mount(Path::new("/")).ok().flatten(),
        }
    }

    fn process(&self, tgid: u32, course: &Course) -> Sight {
        let Ok(status) = Status::read(tgid) else {
            return Sight::Gone;
        };
        let start_time = status.start_time;
        if status.is_kernel_thread {
            return Sight::KernelThread { start_time };
        }
        let (id, maps) = match self.maps(tgid, &status) {
            Ok(maps) => maps,
            Err(error) if is_gone(&error) => return Sight::Gone,
            Err(_) => return Sight::Denied { start_time },
        };
        let mut sight = ProcessSight {
            process: Process {
                tgid,
                start_time,
                comm: status.comm,
                cgroup: None,
            },
            mapped: Vec::new(),
            unreadable: 0,
            unanswered: 0,
            is_cut_short: maps.is_cut_short,
        };
        if maps.libraries.is_empty() {
            return Sight::Process(sight);
        }
        sight.process.cgroup = self.cgroup(tgid);
        for (mapping, wanted) in maps.libraries {
            let path = PathBuf::from(OsString::from_vec(mapping.path.to_vec()));
            let touch = Touch::mapped(path.clone(), &wanted, mapping.device);
            let (file, identity) = match course.touch(touch, || open(id, &mapping)) {
                Some(Ok(found)) => found,
                Some(Err(_)) => {
                    sight.unreadable += 1;
                    continue;
                }
                None => {
                    sight.unanswered += 1;
                    continue;
                }
            };
            sight.mapped.push(Candidate {
                wanted,
                name: String::from_utf8_lossy(mapping.name()).into(),
                path,
                file,
                identity,
            });
        }
        // All of it was one process's only if it is still there.
        match Status::read(tgid) {
            Ok(status) if status.start_time == start_time => Sight::Process(sight),
            _ => Sight::Gone,
        }
    }

    /// Its mappings, and the id of the thread that gave them: a main thread that has ended
    /// before the others has none.
    fn maps(&self, tgid: u32, status: &Status) -> io::Result<(u32, Maps)> {
        let own = Maps::read(tgid, &self.wanted)?;
        if !status.is_zombie || !own.is_empty {
            return Ok((tgid, own));
        }
        let threads = ids(&format!("/proc/{tgid}/task"))?;
        for id in threads.into_iter().filter(|id| *id != tgid).take(THREADS) {
            match Maps::read(id, &self.wanted) {
                Ok(maps) if !maps.is_empty => return Ok((id, maps)),
                _ => {}
            }
        }
        Ok((tgid, own))
    }

    fn cgroup(&self, tgid: u32) -> Option<ControlGroup> {
        let text = process::read(tgid, "cgroup").ok()?;
        let path = ControlGroup::path(&text)?;
        // Above the part of the hierarchy that is mounted here there is nothing to look at.
        let is_below = !path.split('/').any(|part| part == "..");
        let directory = self.cgroups.as_ref().filter(|_| is_below);
        let id = directory
            .and_then(|mount| fs::metadata(mount.join(path.trim_start_matches('/'))).ok())
            .map(|directory| directory.ino());
        Some(ControlGroup { path, id })
    }
}

impl Machine for ThisMachine {
    fn processes(&self) -> io::Result<Vec<u32>> {
        ids("/proc")
    }

    fn look(&self, task: Task, course: &Course) -> Sight {
        match task {
            Task::Host => Sight::Host(host::look(&self.root, &self.wanted, course)),
            Task::Process(tgid) => self.process(tgid, course),
        }
    }
}

/// The file that is mapped, also if it was deleted or replaced, or lies in another mount
/// namespace. The kernel's own link to it needs CAP_SYS_ADMIN or CAP_CHECKPOINT_RESTORE;
/// without, it is looked for under its path, and must be the same.
fn open(id: u32, mapping: &Mapping<'_>) -> io::Result<(File, Identity)> {
    let Mapping { start, end, .. } = mapping;
    match files::behind(&format!("/proc/{id}/map_files/{start:x}-{end:x}")) {
        Ok(file) => identified(file),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => by_path(id, mapping),
        Err(error) => Err(error),
    }
}

fn by_path(id: u32, mapping: &Mapping<'_>) -> io::Result<(File, Identity)> {
    let root = Root::open(Path::new(&format!("/proc/{id}/root")))?;
    let (file, identity) = identified(root.file(Path::new(OsStr::from_bytes(&mapping.path)))?)?;
    if mapping.deleted || !identity.is_mapped_by(mapping) {
        let what = "another file has taken its place";
        return Err(io::Error::new(ErrorKind::NotFound, what));
    }
    Ok((file, identity))
}

fn identified(file: File) -> io::Result<(File, Identity)> {
    let identity = Identity::of(&file)?;
    Ok((file, identity))
}

/// The numbers among the entries of a directory of procfs.
fn ids(directory: &str) -> io::Result<Vec<u32>> {
    let mut ids = Vec::new();
    for entry in fs::read_dir(directory)? {
        let name = entry?.file_name();
        ids.extend(name.to_str().and_then(|name| name.parse::<u32>().ok()));
    }
    Ok(ids)
}

/// Whether a process ended while its files were read.
fn is_gone(error: &io::Error) -> bool {
    error.kind() == ErrorKind::NotFound
        || error.raw_os_error() == Some(rustix::io::Errno::SRCH.raw_os_error())
}
