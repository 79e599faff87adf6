//! Ways in for `tests/fuzz`.

use std::io::Cursor;
use std::sync::Arc;

use super::mapping::Mapping;
use super::process::{ControlGroup, Status};
use super::{BuildId, build_id, loader_cache};

/// The name of the process in the text of `/proc/PID/stat`.
pub fn command(stat: &[u8]) -> Option<Arc<str>> {
    Status::parse(stat).map(|status| status.comm)
}

/// The path in the text of `/proc/PID/cgroup`.
pub fn control_group(text: &[u8]) -> Option<Arc<str>> {
    ControlGroup::path(text)
}

/// The name of the file that a line of `/proc/PID/maps` is of.
pub fn mapped(line: &[u8]) -> Option<Vec<u8>> {
    Mapping::parse(line).map(|mapping| mapping.name().to_vec())
}

/// The build id of an ELF file.
pub fn build_id(file: &[u8]) -> Option<BuildId> {
    build_id::find(Cursor::new(file)).ok().flatten()
}

/// How many libraries a cache of the loader's names.
pub fn cached(cache: &[u8]) -> usize {
    loader_cache::paths(cache).map_or(0, Iterator::count)
}
