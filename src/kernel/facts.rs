//! Where the answers to requests come from, beside the kernel's type information.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader};

use super::btf::Btf;
use super::tracefs;

/// Every function of the kernel and its modules, a line each (`kernel/kallsyms.c`). Names are
/// told to everyone, addresses are not.
const SYMBOLS: &str = "/proc/kallsyms";

/// A kernel that can be asked.
pub struct Facts<'a> {
    pub btf: &'a Btf,
    pub texts: &'a dyn Texts,
}

impl<'a> Facts<'a> {
    /// The kernel that runs, of which `btf` is.
    pub fn running(btf: &'a Btf) -> Self {
        let texts = &Running;
        Self { btf, texts }
    }
}

/// What a kernel tells in words.
pub trait Texts {
    /// The record of a classic tracepoint: `events/CATEGORY/EVENT/format` of tracefs.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::NotFound`] if there is no such tracepoint; otherwise what keeps it
    /// from being read.
    fn format(&self, category: &str, event: &str) -> io::Result<String>;

    /// Whether the kernel, or a module of it, has a function.
    ///
    /// # Errors
    ///
    /// What keeps that from being known.
    fn has_function(&self, name: &str) -> io::Result<bool>;
}

/// The kernel that runs.
pub struct Running;

impl Texts for Running {
    fn format(&self, category: &str, event: &str) -> io::Result<String> {
        tracefs::event_file(category, event, "format")
    }

    fn has_function(&self, name: &str) -> io::Result<bool> {
        for line in BufReader::new(File::open(SYMBOLS)?).lines() {
            // ADDRESS TYPE NAME, and [MODULE] where it is of one.
            let line = line?;
            let mut words = line.split_ascii_whitespace().skip(1);
            let is_text = words.next().is_some_and(|kind| "tTwW".contains(kind));
            if is_text && words.next() == Some(name) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_has_the_functions_that_it_has() {
        assert!(Running.has_function("schedule").unwrap());
        assert!(!Running.has_function("schedul").unwrap());
        // Data.
        assert!(!Running.has_function("jiffies").unwrap());
    }
}
