//! Everything that talks to the kernel: type information, loading and attaching programs,
//! reading maps, run-time statistics, and the facts that decide what is possible.
//!
//! Nothing here knows of metrics. The only place where `unsafe` is allowed.

#![allow(unsafe_code)]

pub mod btf;
mod btf_ext;
mod capabilities;
pub mod cpus;
pub mod declare;
mod duty;
pub mod facts;
mod features;
mod host;
mod inherited;
pub mod layout;
mod load;
mod map;
pub mod object;
mod process;
mod record;
pub mod request;
pub mod resolve;
mod soundness;
mod stats;
mod sys;
#[cfg(test)]
pub(crate) mod testing;
mod tracefs;
pub mod uprobe;

pub use capabilities::{Held, missing_capabilities};
pub use duty::{Duty, confine};
pub use features::{Feature, Standing};
pub use host::{Host, Lockdown, Mounts, TypeInformation};
pub use inherited::handed_over;
pub use load::{
    Alternative, Attach, Attached, Foreseen, FunctionError, FunctionLink, FunctionPrograms,
    KernelBtf, LoadError, Loader, Module, PassedOver, Place, Plan, Program, ProgramPlan,
    ProgramState, RUNNING, foresee, verify,
};
pub use map::{Entries, Entry, MapError, MapHandle};
pub use process::{MemoryLimit, memory_limit, release_memory, share_memory};
pub use stats::{ProgramInfo, RunTimeStatistics};
