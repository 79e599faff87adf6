use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;

use aya::Ebpf;
use aya::programs::UProbe;
use aya::programs::uprobe::{UProbeAttachLocation, UProbeAttachPoint, UProbeScope};

use super::multi::{MultiPrograms, attach_uprobe_multi};
use super::refusal::{chain, os_error};
use super::{Attach, Program, ProgramState};
use crate::kernel::sys::ENOTSUPP;

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
    ebpf: Ebpf,
    /// By name.
    programs: BTreeMap<String, Loaded>,
}

enum Loaded {
    /// One link attaches it to many places.
    Multi { fd: OwnedFd, at_return: bool },
    /// Each place takes a link.
    Single {
        /// In the object.
        function: String,
        at_return: bool,
    },
}

impl FunctionPrograms {
    /// Takes over the programs that are at a library, loading them anew where one link can
    /// attach them to many places.
    pub(super) fn new(mut ebpf: Ebpf, object: &[u8], programs: &mut [Program]) -> Self {
        let multi = MultiPrograms::of(object, &ebpf);
        let mut taken = BTreeMap::new();
        for program in programs {
            let ProgramState::Attached(attached) = &mut program.state else {
                continue;
            };
            if !attached.is_at_library() {
                continue;
            }
            let fd = multi
                .as_ref()
                .and_then(|it| it.load(&attached.function).ok());
            let again = fd.as_ref().and_then(|fd| fd.try_clone().ok());
            let at_return = attached.attach == Attach::Uretprobe;
            let loaded = match (fd, again) {
                (Some(fd), Some(again)) => {
                    attached.replace(again);
                    if let Some(single) = uprobe(&mut ebpf, &attached.function) {
                        // It stays loaded then, and does no harm.
                        let _ = single.unload();
                    }
                    Loaded::Multi { fd, at_return }
                }
                _ => Loaded::Single {
                    function: attached.function.clone(),
                    at_return,
                },
            };
            taken.insert(program.name.clone(), loaded);
        }
        Self {
            ebpf,
            programs: taken,
        }
    }

    /// Whether a program runs when functions return.
    pub fn is_at_return(&self, program: &str) -> bool {
        match self.programs.get(program) {
            Some(Loaded::Multi { at_return, .. } | Loaded::Single { at_return, .. }) => *at_return,
            None => false,
        }
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
        match self.programs.get(program) {
            Some(Loaded::Multi { fd, at_return }) => {
                let link = attach_uprobe_multi(fd.as_fd(), path, places, *at_return)
                    .map_err(|error| explain(&error))?;
                Ok(FunctionLink {
                    _links: vec![Box::new(link)],
                })
            }
            Some(Loaded::Single { function, .. }) => {
                let program = uprobe(&mut self.ebpf, function);
                attach_each(program.ok_or_else(|| not_loaded(function))?, path, places)
            }
            None => Err(not_loaded(program)),
        }
    }
}

impl fmt::Debug for FunctionPrograms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.programs.keys()).finish()
    }
}

fn uprobe<'a>(ebpf: &'a mut Ebpf, function: &str) -> Option<&'a mut UProbe> {
    ebpf.program_mut(function)?.try_into().ok()
}

fn attach_each(
    program: &mut UProbe,
    path: &Path,
    places: &[Place],
) -> Result<FunctionLink, FunctionError> {
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
    Ok(FunctionLink { _links: links })
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
