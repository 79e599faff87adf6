use aya::EbpfError;

use super::Attach;
use super::refusal::{chain, forbidden, os_error};
use crate::kernel::btf::BtfError;
use crate::kernel::declare::DeclarationError;
use crate::kernel::layout::LayoutError;
use crate::kernel::map::MapError;
use crate::kernel::object::ObjectError;
use crate::kernel::process::memory_limit;
use crate::kernel::soundness::Unsound;

/// Why a module cannot be loaded at all.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error(transparent)]
    Object(#[from] ObjectError),
    #[error("the object is damaged: {0}; build it again")]
    Unsound(#[from] Unsound),
    #[error(transparent)]
    Declaration(#[from] DeclarationError),
    #[error(transparent)]
    Layout(#[from] LayoutError),
    #[error(transparent)]
    Btf(#[from] BtfError),
    #[error(
        "the object has no read-only global {0}: declare it with option!, since an option of \
         the manifest sets it, or its histograms need it (SCHEMA)"
    )]
    NoGlobal(String),
    #[error("{value} does not fit the global {name}, which is {width} bytes wide")]
    GlobalWidth {
        name: String,
        value: String,
        width: usize,
    },
    #[error("the object has no map {0}")]
    NoMap(String),
    #[error(
        "map {map}: a value takes {size} bytes on each CPU, and the kernel allows {limit} \
         (PCPU_MIN_UNIT_SIZE; kernel/bpf/arraymap.c, hashtab.c): divide the value among \
         several maps, or among keys"
    )]
    PerCpuValue {
        map: String,
        size: usize,
        limit: usize,
    },
    #[error("the object has no function {function}, which program {program} names")]
    NoFunction { program: String, function: String },
    #[error(transparent)]
    Map(#[from] MapError),
    #[error("{0}")]
    Kernel(String),
}

impl From<EbpfError> for LoadError {
    fn from(error: EbpfError) -> Self {
        let text = chain(&error);
        let remedy = match os_error(&error).and_then(std::io::Error::raw_os_error) {
            Some(libc::EPERM) => match memory_limit() {
                Ok(limit) if limit.soft.is_some() => {
                    "kernels before 5.11 need more locked memory: \
                     raise RLIMIT_MEMLOCK (LimitMEMLOCK=infinity in a systemd unit)"
                        .to_owned()
                }
                _ => forbidden(Attach::TpBtf),
            },
            Some(libc::ENOMEM | libc::E2BIG) => {
                "the map is too large for this machine: lower its number of entries or their size"
                    .to_owned()
            }
            _ => return Self::Kernel(text),
        };
        Self::Kernel(format!("{text}; {remedy}"))
    }
}
