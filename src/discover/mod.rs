//! Who owns the keys of the maps: what exists on the machine, by the number the kernel calls
//! it and the name people do.
//!
//! Each discovery is cheap enough to run at every sweep and reads a bounded amount.

mod block_device;
mod cgroup;
pub mod library;

pub use block_device::BlockDevices;
pub use cgroup::Cgroups;

use std::path::Path;
use std::sync::Arc;

use thiserror::Error;

use crate::attach;
use crate::module::Discovery;

/// One thing that can have series of its own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Discovered {
    /// Label text. First, so that things sort by name.
    pub label: Arc<str>,
    /// The kernel's number for it, as the probe finds it.
    pub id: u64,
}

#[derive(Debug, Error)]
#[error("cannot read {path}: {source}; {remedy}")]
pub struct DiscoverError {
    pub path: String,
    pub remedy: &'static str,
    pub source: std::io::Error,
}

/// Finds what exists now.
pub trait Discover: Send {
    /// What exists now, by label; at most `limit` of it, and the number left out.
    ///
    /// # Errors
    ///
    /// The kernel's list cannot be read.
    fn discover(
        &mut self,
        limit: usize,
        admits: &dyn Fn(&str) -> bool,
    ) -> Result<Found, DiscoverError>;
}

/// The outcome of one discovery.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Found {
    /// Sorted by label.
    pub things: Vec<Discovered>,
    /// How many more there were than the limit lets in.
    pub left_out: usize,
}

/// The discovery that a manifest names.
///
/// Workloads are known to whoever attaches to the libraries that make them one.
pub fn discovery(kind: Discovery, workloads: &attach::Status) -> Box<dyn Discover> {
    match kind {
        Discovery::Workload => Box::new(workloads.clone()),
        Discovery::BlockDevice => Box::new(BlockDevices::whole(Path::new("/"))),
        Discovery::BlockPartition => Box::new(BlockDevices::partitions(Path::new("/"))),
        Discovery::Cgroup => Box::new(Cgroups::new(Path::new("/"))),
    }
}

impl Found {
    fn bounded(mut things: Vec<Discovered>, limit: usize) -> Self {
        things.sort();
        let left_out = things.len().saturating_sub(limit);
        things.truncate(limit);
        Self { things, left_out }.distinct()
    }

    /// Leaves out what has the label of another: two series with the same labels would spoil
    /// the whole page. Names that are no UTF-8 can become alike.
    fn distinct(mut self) -> Self {
        let found = self.things.len();
        self.things.sort();
        self.things.dedup_by(|a, b| a.label == b.label);
        self.left_out += found - self.things.len();
        self
    }
}
