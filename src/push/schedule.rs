use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::queue::Queue;
use crate::snapshot::SnapshotSource;

/// Offers a snapshot to every queue at each interval, for ever.
///
/// The first comes at a random moment of the first interval: the machines of a fleet that were
/// started together shall not push together.
pub(super) async fn run<S: SnapshotSource>(
    source: Arc<S>,
    interval: Duration,
    deadline: Duration,
    queues: Vec<Arc<Queue>>,
) {
    let first = Instant::now() + interval.mul_f64(fastrand::f64());
    let mut ticks = interval_at(first, interval);
    // After a pause of the machine one snapshot tells it all.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        let deadline = std::time::Instant::now().checked_add(deadline);
        let snapshot = source.snapshot(deadline).await;
        for queue in &queues {
            queue.offer(Arc::clone(&snapshot));
        }
    }
}
