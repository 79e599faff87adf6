use std::any::Any;
use std::fmt;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};

use aya::Ebpf;
use aya::programs::{
    BtfTracePoint, FEntry, KProbe, Program, ProgramError, RawTracePoint, TracePoint, UProbe,
};

use super::copies;
use super::refusal::Refusal;
use super::{Alternative, Attach, KernelBtf};
use crate::kernel::stats::ProgramInfo;
use crate::kernel::sys;
use crate::kernel::tracefs::tracepoint_number;

/// A program at its hook, until this is dropped.
pub struct Attached {
    /// Position of the alternative that was taken; 0 is the best.
    pub alternative: usize,
    pub function: String,
    /// Such as `tp_btf/sched_switch`.
    pub hook: String,
    program: OwnedFd,
    /// More of it, where each attach cookie takes a copy.
    copies: copies::Loaded,
    /// One of aya's links, of which there is a type for each kind of program. Dropping it
    /// detaches the program. None of a program that is loaded and attaches to functions of
    /// libraries as they are found.
    link: Option<Box<dyn Any + Send + Sync>>,
}

impl Attached {
    /// Whether it is loaded only: its hooks are functions of libraries, see
    /// [`super::FunctionPrograms`].
    pub fn is_at_library(&self) -> bool {
        self.link.is_none()
    }

    /// One that is loaded, and attaches to functions of libraries as they are found.
    pub(super) fn at_library(index: usize, alternative: &Alternative, program: OwnedFd) -> Self {
        Self {
            alternative: index,
            function: alternative.function.clone(),
            hook: alternative.hook(),
            program,
            copies: copies::Loaded::default(),
            link: None,
        }
    }

    /// More of the same are loaded as they are needed.
    pub(super) fn with_copies(self, copies: copies::Loaded) -> Self {
        Self { copies, ..self }
    }

    /// What the kernel tells of the program now, with what all its copies did.
    pub fn info(&self) -> io::Result<ProgramInfo> {
        let mut info = ProgramInfo::of(self.program.as_fd())?;
        for copy in self.copies.lock().values() {
            info.add(&ProgramInfo::of(copy.as_fd())?);
        }
        Ok(info)
    }
}

impl fmt::Debug for Attached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attached")
            .field("function", &self.function)
            .field("hook", &self.hook)
            .finish_non_exhaustive()
    }
}

/// Loads a program and attaches it as `alternative` says.
pub(super) fn attach(
    ebpf: &mut Ebpf,
    index: usize,
    alternative: &Alternative,
    kernel: &KernelBtf,
) -> Result<Attached, Refusal> {
    precheck(alternative, kernel)?;
    let program = ebpf.program_mut(&alternative.function).ok_or_else(|| {
        Refusal::failed(format!(
            "function {} is not a program",
            alternative.function
        ))
    })?;
    let (program, link) = hook(program, alternative, kernel)?;
    Ok(Attached {
        link,
        ..Attached::at_library(index, alternative, program)
    })
}

/// What can be said better before the kernel is asked.
pub(super) fn precheck(alternative: &Alternative, kernel: &KernelBtf) -> Result<(), Refusal> {
    let target = &alternative.target;
    if target.is_empty() || target.contains('\0') {
        return Err(Refusal::failed("the target has no name"));
    }
    let (known, what) = match alternative.attach {
        Attach::TpBtf => (
            kernel.reader().tracepoint(target).map(|it| it.is_some()),
            "tracepoint",
        ),
        Attach::Fentry => (Ok(kernel.reader().has_function(target)), "function"),
        Attach::RawTp
        | Attach::Tracepoint
        | Attach::Kprobe
        | Attach::Uprobe
        | Attach::Uretprobe => return Ok(()),
    };
    match known {
        Ok(true) => Ok(()),
        Ok(false) => Err(Refusal::unsupported(format!(
            "the kernel has no {what} {target}"
        ))),
        Err(error) => Err(Refusal::failed(error.to_string())),
    }
}

type Hooked = (OwnedFd, Option<Box<dyn Any + Send + Sync>>);

fn hook(
    program: &mut Program,
    alternative: &Alternative,
    kernel: &KernelBtf,
) -> Result<Hooked, Refusal> {
    let target = alternative.target.as_str();
    let btf = || {
        kernel
            .loader()
            .map_err(|error| Refusal::failed(error.to_string()))
    };
    let refused = |error: ProgramError| Refusal::from_aya(&error, alternative);
    // aya gives every kind of program a type of its own, with the same methods.
    macro_rules! loaded {
        ($kind:ty, $load:expr) => {{
            let program: &mut $kind = program.try_into().map_err(|_| {
                Refusal::failed(format!(
                    "function {} is not a {} program in the object",
                    alternative.function, alternative.attach
                ))
            })?;
            let load: &dyn Fn(&mut $kind) -> Result<(), ProgramError> = &$load;
            // It may have been loaded for another hook, where it could not be attached, or is.
            if program.fd().is_ok() {
                program.unload().map_err(refused)?;
            }
            load(program).map_err(refused)?;
            let fd = program.fd().map_err(refused)?.as_fd().try_clone_to_owned();
            let fd = fd.map_err(|error| Refusal::failed(error.to_string()))?;
            (program, fd)
        }};
    }
    macro_rules! hooked {
        ($kind:ty, $load:expr, $attach:expr) => {{
            let (program, fd) = loaded!($kind, $load);
            let id = $attach(program).map_err(refused)?;
            let link = program.take_link(id).map_err(refused)?;
            Ok((fd, Some(Box::new(link))))
        }};
    }
    match alternative.attach {
        Attach::TpBtf => {
            let btf = btf()?;
            hooked!(
                BtfTracePoint,
                |it| it.load(target, btf),
                |it: &mut BtfTracePoint| it.attach()
            )
        }
        Attach::RawTp => {
            hooked!(
                RawTracePoint,
                RawTracePoint::load,
                |it: &mut RawTracePoint| it.attach(target)
            )
        }
        Attach::Tracepoint => {
            let (category, name) = target.split_once('/').ok_or_else(|| {
                Refusal::failed(format!("the target {target} is not category/tracepoint"))
            })?;
            let number = tracepoint_number(category, name)
                .map_err(|error| Refusal::from_tracefs(&error, target))?;
            let (_, fd) = loaded!(TracePoint, TracePoint::load);
            let link = sys::perf::attach_tracepoint(fd.as_fd(), number)
                .map_err(|error| Refusal::from_perf(&error, alternative))?;
            Ok((fd, Some(Box::new(link))))
        }
        Attach::Fentry => {
            let btf = btf()?;
            hooked!(FEntry, |it| it.load(target, btf), |it: &mut FEntry| it
                .attach())
        }
        Attach::Kprobe => {
            hooked!(KProbe, KProbe::load, |it: &mut KProbe| it.attach(target, 0))
        }
        Attach::Uprobe | Attach::Uretprobe => {
            let (_, fd) = loaded!(UProbe, UProbe::load);
            Ok((fd, None))
        }
    }
}
