use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;

use aya::Ebpf;
use aya::programs::UProbe;
use aya::programs::uprobe::{UProbeAttachLocation, UProbeAttachPoint, UProbeScope};

use super::copies::Copies;
use super::refusal::{chain, os_error};
use crate::kernel::sys::{ENOTSUPP, uprobe};

/// A place in a file that programs attach to: every process that maps the file and executes
/// the place runs them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// From the start of the file.
    pub offset: u64,
    /// What the program gets by `bpf_get_attach_cookie()`.
    pub cookie: u64,
}

/// A program at places of a file, until this is dropped. Where the kernel has no links for
/// many places, it waits at each for a grace period then, some 100 ms.
pub struct FunctionLink {
    _links: Vec<Box<dyn Any + Send + Sync>>,
}

/// Why a program could not be attached to a function.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct FunctionError(String);

/// The programs of a module that attach to functions of libraries, loaded.
pub struct FunctionPrograms {
    pub(super) ebpf: Ebpf,
    /// By name.
    pub(super) programs: BTreeMap<String, FunctionProgram>,
}

pub(super) struct FunctionProgram {
    /// In the object.
    pub function: String,
    pub at_return: bool,
    pub loaded: Loaded,
}

pub(super) enum Loaded {
    /// One link attaches it to many places.
    Multi(OwnedFd),
    /// Each place takes a link.
    Single,
    /// Each place takes a perf event, each cookie a copy of the program.
    Copies { copies: Copies, first: OwnedFd },
}

impl FunctionPrograms {
    /// Copies that are loaded of the programs because the kernel has no attach cookies.
    pub fn copies(&self) -> usize {
        let programs = self.programs.values();
        let copies = programs.map(|program| match &program.loaded {
            Loaded::Copies { copies, .. } => copies.count(),
            Loaded::Multi(_) | Loaded::Single => 0,
        });
        copies.sum()
    }

    /// Whether each place takes a perf event.
    pub fn takes_events(&self) -> bool {
        let mut programs = self.programs.values();
        programs.any(|program| !matches!(program.loaded, Loaded::Multi(_)))
    }

    /// Whether a program runs when functions return.
    pub fn is_at_return(&self, program: &str) -> bool {
        let program = self.programs.get(program);
        program.is_some_and(|it| it.at_return)
    }

    /// Attaches the program named `program` to places of the file at `path`, which is looked
    /// at once.
    ///
    /// # Errors
    ///
    /// There is no such program, or the kernel refuses.
    pub fn attach(
        &mut self,
        program: &str,
        path: &Path,
        places: &[Place],
    ) -> Result<FunctionLink, FunctionError> {
        let found = self.programs.get(program);
        let found = found.ok_or_else(|| not_loaded(program))?;
        let at_return = found.at_return;
        let links: Vec<Box<dyn Any + Send + Sync>> = match &found.loaded {
            Loaded::Multi(fd) => {
                let places: Vec<_> = places.iter().map(|it| (it.offset, it.cookie)).collect();
                let link = uprobe::attach(fd.as_fd(), path, &places, at_return);
                vec![Box::new(link.map_err(|error| explain(&error))?)]
            }
            Loaded::Single => {
                let program = single(&mut self.ebpf, &found.function);
                attach_each(
                    program.ok_or_else(|| not_loaded(&found.function))?,
                    path,
                    places,
                )?
            }
            Loaded::Copies { copies, first } => {
                let links = copies.attach(first, path, places, at_return);
                let links = links.map_err(|error| explain(&error))?;
                links.into_iter().map(|link| Box::new(link) as _).collect()
            }
        };
        Ok(FunctionLink { _links: links })
    }
}

impl fmt::Debug for FunctionPrograms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.programs.keys()).finish()
    }
}

fn single<'a>(ebpf: &'a mut Ebpf, function: &str) -> Option<&'a mut UProbe> {
    ebpf.program_mut(function)?.try_into().ok()
}

fn attach_each(
    program: &mut UProbe,
    path: &Path,
    places: &[Place],
) -> Result<Vec<Box<dyn Any + Send + Sync>>, FunctionError> {
    let mut links: Vec<Box<dyn Any + Send + Sync>> = Vec::with_capacity(places.len());
    for place in places {
        let point = UProbeAttachPoint {
            location: UProbeAttachLocation::AbsoluteOffset(place.offset),
            cookie: Some(place.cookie),
        };
        let link = program
            .attach(point, path, UProbeScope::AllProcesses)
            .and_then(|id| program.take_link(id))
            .map_err(|error| match os_error(&error) {
                Some(cause) => explain(cause),
                None => FunctionError(chain(&error)),
            })?;
        links.push(Box::new(link));
    }
    Ok(links)
}

fn not_loaded(program: &str) -> FunctionError {
    FunctionError(format!("program {program} is not loaded"))
}

/// Cause and remedy.
fn explain(error: &io::Error) -> FunctionError {
    FunctionError(match error.raw_os_error() {
        Some(libc::EPERM | libc::EACCES) => {
            "not permitted: functions of processes take CAP_PERFMON, on some kernels \
             CAP_SYS_ADMIN (kernel.perf_event_paranoid above 2); run it as root"
                .to_owned()
        }
        Some(libc::ENOENT) => {
            "the file is gone, or the kernel has no uprobes (CONFIG_UPROBES)".to_owned()
        }
        Some(libc::EINVAL | libc::ENOEXEC | ENOTSUPP) => {
            format!("the kernel cannot have a probe at one of these instructions: {error}")
        }
        Some(libc::EIO) => {
            "the file cannot be executed: its file system is mounted noexec".to_owned()
        }
        _ => error.to_string(),
    })
}
