//! Who owns the keys of the maps: what exists on the machine, by the number the kernel calls
//! it and the name people do.
//!
//! Each discovery is cheap enough to run at every sweep and reads a bounded amount.

mod block_device;
mod candidates;
mod cgroup;
mod driver;
pub mod library;

pub use block_device::BlockDevices;
pub use candidates::{Candidate, Candidates, Chosen};
pub use cgroup::Cgroups;
pub use driver::{DriverChange, Drivers, LoadedDrivers};

use std::path::Path;
use std::sync::Arc;

use thiserror::Error;

use crate::attach;
use crate::module::Discovery;

/// The label of everything that has no series of its own.
pub const OTHER: &str = "other";

/// What a thing is called: a text for each label of its key, mostly one.
pub type Labels = Arc<[Arc<str>]>;

/// One thing that can have series of its own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Discovered {
    /// First, so that things sort by name.
    pub labels: Labels,
    /// The kernel's number for it, as the probe finds it.
    pub id: u64,
}

impl Discovered {
    /// A thing of one label.
    pub fn new(label: impl Into<Arc<str>>, id: u64) -> Self {
        Self {
            labels: Arc::new([label.into()]),
            id,
        }
    }

    /// Its first label.
    pub fn label(&self) -> &str {
        self.labels.first().map_or("", |label| label)
    }
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
    /// What exists now, in any order, of what has an admitted label. A discovery that does
    /// not look at all there is looks at those in `placed`.
    ///
    /// # Errors
    ///
    /// The kernel's list cannot be read.
    fn discover(
        &mut self,
        placed: &[Discovered],
        admits: &dyn Fn(&str) -> bool,
    ) -> Result<Candidates, DiscoverError>;
}

/// The discovery that a manifest names; none of what the programs themselves have to tell.
///
/// Workloads are known to whoever attaches to the libraries that make them one.
pub fn discovery(kind: Discovery, workloads: &attach::Status) -> Option<Box<dyn Discover>> {
    Some(match kind {
        Discovery::Workload => Box::new(workloads.clone()),
        Discovery::BlockDevice => Box::new(BlockDevices::whole(Path::new("/"))),
        Discovery::BlockPartition => Box::new(BlockDevices::partitions(Path::new("/"))),
        Discovery::Cgroup => Box::new(Cgroups::new(Path::new("/"))),
        Discovery::Seen => return None,
    })
}
