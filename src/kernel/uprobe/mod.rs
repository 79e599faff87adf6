//! Where to put a probe on a function of a shared library.
//!
//! A [`Library`] finds functions by name as `dlsym` does, and says for each at which offset in
//! the file an entry probe is cheap and correct: not always at the first instruction, see
//! [`Placement`]. The kernel wants that offset, and the file.
//!
//! Libraries are files of the processes that are observed: whatever their bytes are, the
//! answer is one or an error, and the work for it is bounded.

#[cfg(any(test, target_arch = "aarch64"))]
mod arm64;
mod build_id;
mod elf;
mod error;
mod library;
mod placement;
mod source;
mod symbols;
#[cfg(test)]
mod tests;
#[cfg(target_arch = "x86_64")]
mod x86;

pub use build_id::BuildId;
pub use error::LibraryError;
pub use library::{Library, Site};
pub use placement::{Execution, Placement};
pub use source::Source;
pub use symbols::Function;
