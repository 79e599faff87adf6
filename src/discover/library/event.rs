use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use super::key::Key;

/// A file of a library that somebody wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Library {
    pub key: Key,
    /// The names of all who want it ([`super::Wanted`]).
    pub wanted: Vec<Arc<str>>,
    /// Its file name, such as `libcuda.so.535.261.03`.
    pub name: Arc<str>,
    /// Where it was first found: below the host's root, or from the root of the mount
    /// namespace of the process on.
    pub path: PathBuf,
    /// Through whom it was first found.
    pub through: Through,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Through {
    /// The host's loader, or a known place.
    Host,
    /// A process that maps it, by its id.
    Process(u32),
}

/// What has changed since the scan before.
#[derive(Debug)]
pub enum Event {
    /// A library that was not known. The file is open for reading, and is the one that is
    /// mapped even if its path is gone; `/proc/self/fd/N` is a path to attach by.
    ///
    /// While the file is open, and while a uprobe is attached that was given its path, its
    /// mount cannot be unmounted (except lazily, as container runtimes do): drop it when
    /// done.
    Found(Library, File),
    /// A path of the host now leads to another file than before, as after an upgrade. Both
    /// are known, the new one before this event, the old one for as long as it is used.
    Replaced { path: PathBuf, old: Key, new: Key },
    /// Neither the host has it nor has a process mapped it for a while, or its contents
    /// have been overwritten. Comes before a `Found` of the same inode.
    Gone(Key),
}
