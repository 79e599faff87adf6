//! Which libraries processes of this machine map, through renames, mounts and layers. Needs
//! root, `cc` and the tools of util-linux.

#![allow(clippy::unwrap_used, clippy::panic)]

mod host;
mod library;
mod mapper;
mod mounts;
mod processes;
mod scale;
mod scan;
mod unprivileged;
mod uprobe;
