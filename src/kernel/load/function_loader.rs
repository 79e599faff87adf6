use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;

use aya::Ebpf;

use super::code::{Body, Code};
use super::copies::Copies;
use super::function::{FunctionProgram, FunctionPrograms, Loaded};
use super::refusal::Refusal;
use super::{Alternative, Attach, Attached, KernelBtf, Plan, attach};
use crate::kernel::resolve::resolve;
use crate::kernel::sys::uprobe::{self, Way};

/// Loads programs at functions of libraries in the way that this kernel attaches best.
pub(super) struct FunctionLoader {
    /// None where the object is not understood: then the loader's own way is left.
    code: Option<Code>,
    has_cookies: bool,
    programs: BTreeMap<String, FunctionProgram>,
}

impl FunctionLoader {
    pub fn new(object: &[u8], plan: &Plan, ebpf: &Ebpf, kernel: &KernelBtf) -> Self {
        let helper = "enumerator bpf_func_id.BPF_FUNC_get_attach_cookie".parse();
        let mut alternatives = plan.programs.iter().flat_map(|it| &it.alternatives);
        let needed = alternatives.any(|it| it.attach.is_at_library());
        Self {
            code: needed.then(|| Code::of(object, ebpf)).flatten(),
            has_cookies: !plan.without_cookies
                && helper.is_ok_and(|it| resolve(&it, &kernel.facts()).is_ok()),
            programs: BTreeMap::new(),
        }
    }

    /// Loads the function of an alternative for the program named `name`.
    pub fn load(
        &mut self,
        name: &str,
        ebpf: &mut Ebpf,
        index: usize,
        alternative: &Alternative,
        kernel: &KernelBtf,
    ) -> Result<Attached, Refusal> {
        let function = &alternative.function;
        let body = self.code.as_ref().and_then(|code| code.body(function));
        let (attached, loaded) = match body {
            Some(body) if !self.has_cookies => {
                let (copies, first) = Copies::start(function, body)
                    .map_err(|refused| Refusal::from_load(&refused, alternative))?;
                let attached = Attached::at_library(index, alternative, again(&first)?);
                let attached = attached.with_copies(copies.loaded());
                (attached, Loaded::Copies { copies, first })
            }
            Some(body) if let Some(multi) = load_multi(function, &body) => {
                let attached = Attached::at_library(index, alternative, again(&multi)?);
                (attached, Loaded::Multi(multi))
            }
            _ => (
                attach::attach(ebpf, index, alternative, kernel)?,
                Loaded::Single,
            ),
        };
        let program = FunctionProgram {
            function: function.clone(),
            at_return: alternative.attach == Attach::Uretprobe,
            loaded,
        };
        self.programs.insert(name.to_owned(), program);
        Ok(attached)
    }

    /// Those that were loaded; none if there are none.
    pub fn finish(self, ebpf: Ebpf) -> Option<FunctionPrograms> {
        let programs = self.programs;
        (!programs.is_empty()).then_some(FunctionPrograms { ebpf, programs })
    }
}

/// None where the kernel has no links to many functions, or refuses the program, which then is
/// the next way's to explain.
fn load_multi(function: &str, body: &Body) -> Option<OwnedFd> {
    let loaded = uprobe::load(function, &body.license, &body.instructions, Way::Multi).ok()?;
    // A directory has no functions: a kernel that knows such links says so.
    let refused = uprobe::attach(loaded.as_fd(), Path::new("/"), &[(0, 0)], false).err()?;
    (refused.raw_os_error() == Some(libc::EBADF)).then_some(loaded)
}

fn again(fd: &OwnedFd) -> Result<OwnedFd, Refusal> {
    fd.try_clone()
        .map_err(|error: io::Error| Refusal::failed(error.to_string()))
}
