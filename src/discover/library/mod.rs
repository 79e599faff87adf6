//! Which files on this machine are instances of a library, such as `libcuda.so.*`, and which
//! processes map them: whoever attaches to functions of libraries needs to know when they
//! come and go, in containers too.
//!
//! A [`Scanner`] is told what is [`Wanted`] and gives [`Event`]s. It finds libraries in two
//! ways: where the host's loader looks for them, so that they are known before they are
//! used, and in the memory maps of processes.
//!
//! # What is one library
//!
//! The kernel attaches uprobes to inodes, so that one inode must be one [`Key`], or its
//! calls would be counted twice:
//!
//! - Bind mounts and mount namespaces change nothing: device and inode number are the same.
//! - Overlayfs (containers) gives one file of a shared layer another device in each mount,
//!   while a uprobe that is attached through one of them, or to the layer itself, sees the
//!   calls through all of them. Such files are one if inode number, birth and build id
//!   agree. A file that was copied up, as chown(1) does, keeps its inode number and is
//!   another inode: its birth differs.
//! - Btrfs gives snapshots of a file the same inode number, birth and build id. They are
//!   inodes of their own: their devices differ, though not in `/proc/PID/maps`.
//! - A file that was replaced is another inode. Its number may be given again, but not with
//!   the same birth.
//!
//! What user space cannot tell: on overlayfs above a file system that keeps no births (squashfs,
//! erofs, tmpfs before 6.0), the time of the last change stands for it, so that two mounts
//! of one image look like one; and so do the files of layers that are copies of each other to
//! the inode, by btrfs snapshots or cloned disks.
//!
//! # When
//!
//! A process is looked at when it is new, when it is young, once in a while for what it
//! opens late, and when somebody asks for it ([`Scanner::rescan`]). One that runs another
//! program by exec(3) after it was young, and one that got the id of another between two
//! passes, are found once in that while.

mod build_id;
mod counts;
mod event;
mod files;
#[doc(hidden)]
pub mod fuzzing;
mod host;
mod identity;
mod key;
mod loader_cache;
mod machine;
mod mapping;
mod maps;
mod pattern;
mod process;
mod reader;
mod registry;
mod scanner;
mod schedule;
mod table;
mod this_machine;
mod touch;
mod wanted;

pub use counts::Counts;
pub use event::{Event, Library, Through};
pub use key::{Birth, BuildId, Device, Key};
pub use pattern::{Pattern, PatternError};
pub use process::{ControlGroup, Process};
pub use scanner::Scanner;
pub use touch::Touch;
pub use wanted::Wanted;
