use std::future::Future;
use std::sync::Arc;
use std::time::Instant;

use super::Snapshot;

/// Where exporters get what they export.
pub trait SnapshotSource: Send + Sync + 'static {
    /// A snapshot to export, fresh or young enough to share. Modules that cannot be read before
    /// the deadline are left out and named in [`Snapshot::late`].
    fn snapshot(&self, deadline: Option<Instant>) -> impl Future<Output = Arc<Snapshot>> + Send;
}
