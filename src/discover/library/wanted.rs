use std::path::PathBuf;
use std::sync::Arc;

use super::pattern::Pattern;

/// A library that somebody wants to find, such as `cuda`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// What the one who wants it calls it.
    pub name: Arc<str>,
    /// What its files are called.
    pub files: Vec<Pattern>,
    /// Directories of the host where it may lie that its loader does not know of.
    pub places: Vec<PathBuf>,
}

/// Who of `wanted` a file of this name is for, in their order.
pub(super) fn wants(wanted: &[Wanted], file: &[u8]) -> Vec<Arc<str>> {
    wanted
        .iter()
        .filter(|library| library.files.iter().any(|pattern| pattern.matches(file)))
        .map(|library| Arc::clone(&library.name))
        .collect()
}
