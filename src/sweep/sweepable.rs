use std::sync::Arc;
use std::time::SystemTime;

use super::report::ModuleReport;
use crate::introspect::Families;
use crate::kernel::Entries;
use crate::snapshot::Family;

/// What the sweeper asks of a module.
pub trait Sweepable: Send {
    /// The name under which the module is in the reports.
    fn name(&self) -> &str;

    /// Reads the module's metrics; none if they could not be read. Series that are new count
    /// from `now`.
    fn sweep(&mut self, now: SystemTime, buffers: &mut Buffers) -> Option<Vec<Arc<Family>>>;

    /// Looks at what a later sweep tells and nobody waits for: called when the snapshot is out.
    fn tally(&mut self, buffers: &mut Buffers);

    /// What has become of it, if it is otherwise than at the last sweep.
    fn news(&mut self) -> Option<ModuleReport>;

    /// What the kernel and the last sweep say of the module itself.
    fn introspect(&self, families: &mut Families);
}

/// Memory that one reading leaves for the next.
#[derive(Debug, Default)]
pub struct Buffers {
    pub entries: Entries,
    /// The cells of one value.
    pub cells: Vec<u64>,
}
