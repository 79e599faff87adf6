//! The model between the kernel and the exporters: what one sweep saw, immutable and shared.

mod family;
mod histogram;
mod source;

pub use family::{Descriptor, Family, Kind, Number, OtlpName, Series, Stability, Unit, Value};
pub use histogram::Histogram;
pub use source::SnapshotSource;

use std::sync::Arc;
use std::time::SystemTime;

/// Everything one sweep read, with Geophone's own metrics.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// When the sweep began.
    pub taken: SystemTime,
    /// Families in the order in which they are exposed: by module, then as its manifest lists them.
    pub families: Vec<Arc<Family>>,
    /// Modules left out because the deadline came before their maps were read.
    pub late: Vec<String>,
}

impl Snapshot {
    /// How many series there are.
    pub fn points(&self) -> u64 {
        let families = self.families.iter();
        families.map(|family| family.series.len() as u64).sum()
    }
}
