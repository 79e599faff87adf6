//! Who owns the keys of the maps: what exists on the machine, by the number the kernel calls
//! it and the name people do.
//!
//! Each discovery is cheap enough to run at every sweep and reads a bounded amount.

mod apart;
mod block_device;
mod candidates;
mod cgroup;
mod driver;
pub mod library;

pub use apart::Apart;
pub use block_device::BlockDevices;
pub use candidates::{Candidate, Candidates, Chosen};
pub use cgroup::Cgroups;
pub use driver::{DriverChange, Drivers, LoadedDrivers};

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

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

/// Which texts of a thing's label, by the label's position, may have series of their own.
pub type Admit = dyn Fn(usize, &str) -> bool + Send + Sync;

/// How long whoever looks for something waits for an answer. One takes some microseconds, or
/// milliseconds where there is much to see. What takes this long waits for something itself,
/// such as a network file system whose server has gone, or the memory lock of a process that
/// a debugger, a full disk or a driver keeps.
pub(crate) const PATIENCE: Duration = Duration::from_secs(2);

#[derive(Debug, Error)]
pub enum DiscoverError {
    #[error("cannot read {path}: {source}; {remedy}")]
    Unreadable {
        path: String,
        remedy: &'static str,
        source: std::io::Error,
    },
    #[error(
        "{place} does not answer; see which mount there waits for its server, or what the \
         kernel's log says"
    )]
    Unanswered { place: String },
}

/// Finds what exists now.
pub trait Discover: Send {
    /// Where it looks, for people.
    fn place(&self) -> String;

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

/// The discovery that a manifest names; none of what is not on the machine to be seen, but
/// known to whoever attaches to libraries, or to the programs themselves.
pub fn discovery(kind: Discovery) -> Option<Apart> {
    let discovery: Box<dyn Discover> = match kind {
        Discovery::BlockDevice => Box::new(BlockDevices::whole(Path::new("/"))),
        Discovery::BlockPartition => Box::new(BlockDevices::partitions(Path::new("/"))),
        Discovery::Cgroup => Box::new(Cgroups::new(Path::new("/"))),
        Discovery::Workload | Discovery::Seen => return None,
    };
    Some(Apart::new(discovery))
}
