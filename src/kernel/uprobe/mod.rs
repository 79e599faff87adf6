//! Where to put a probe on a function of a shared library: not always at the first
//! instruction, see [`Placement`].

mod placement;
#[cfg(target_arch = "x86_64")]
mod x86;

pub use placement::{Execution, Placement};
