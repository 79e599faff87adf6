//! Snapshots that wait, and what becomes of those that there is no room for.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::introspect::Families;
use crate::push::counters::{Counters, PushCounters};
use crate::push::queue::Queue;
use crate::snapshot::{Number, Snapshot, Value};

fn snapshot(second: u64) -> Arc<Snapshot> {
    Arc::new(Snapshot {
        taken: SystemTime::UNIX_EPOCH + Duration::from_secs(second),
        families: Vec::new(),
        late: Vec::new(),
    })
}

struct Waiting {
    queue: Arc<Queue>,
    counters: PushCounters,
}

impl Waiting {
    fn with_room_for(capacity: usize) -> Self {
        let counters = Arc::new(Counters::default());
        let queue = Arc::new(Queue::new(capacity, Arc::clone(&counters)));
        let mut all = PushCounters::default();
        all.add("e", counters, Arc::clone(&queue));
        Self {
            queue,
            counters: all,
        }
    }

    fn offer(&self, seconds: impl IntoIterator<Item = u64>) {
        for second in seconds {
            self.queue.offer(snapshot(second));
        }
    }

    /// The number of the snapshot at the head, and when it was taken.
    async fn head(&self) -> Option<(u64, u64)> {
        let (number, snapshot) = self.queue.head().await?;
        let since = snapshot.taken.duration_since(SystemTime::UNIX_EPOCH);
        Some((number, since.unwrap().as_secs()))
    }

    /// Takes what is left, and tells when it was taken.
    async fn rest(&self) -> Vec<u64> {
        self.queue.close(None);
        let mut seconds = Vec::new();
        while let Some((number, second)) = self.head().await {
            self.queue.done(number);
            seconds.push(second);
        }
        seconds
    }

    /// Exports that are said to have been displaced.
    fn displaced(&self) -> u64 {
        let mut families = Families::new(SystemTime::UNIX_EPOCH);
        self.counters.introspect(&mut families);
        let families = families.finish();
        let exports = families
            .iter()
            .find(|family| family.descriptor.name == "geophone_otlp_exports_total")
            .unwrap();
        let displaced = exports
            .series
            .iter()
            .find(|series| series.labels.iter().any(|label| &**label == "displaced"));
        let Value::Counter(Number::Integer(count)) = displaced.unwrap().value else {
            unreachable!("exports are counted in integers");
        };
        count
    }
}

#[tokio::test]
async fn the_oldest_comes_first_and_none_twice() {
    let waiting = Waiting::with_room_for(5);
    waiting.offer([1, 1, 2, 3, 3]);
    assert_eq!(waiting.queue.len(), 3);
    assert_eq!(waiting.rest().await, [1, 2, 3]);
    assert_eq!(waiting.displaced(), 0);
}

#[tokio::test]
async fn the_newest_displaces_the_oldest() {
    let waiting = Waiting::with_room_for(3);
    waiting.offer(1..=10);
    assert_eq!(waiting.queue.len(), 3);
    assert_eq!(waiting.displaced(), 7);
    assert_eq!(waiting.rest().await, [8, 9, 10]);
}

#[tokio::test]
async fn one_in_hand_is_displaced_too_but_counted_by_its_sender() {
    let waiting = Waiting::with_room_for(2);
    waiting.offer([1]);
    let (number, _) = waiting.head().await.unwrap();
    waiting.offer([2]);
    assert!(waiting.queue.is_head(number));
    waiting.offer([3]);
    assert!(!waiting.queue.is_head(number));
    assert_eq!(waiting.displaced(), 0);
    // That the first is done now takes nothing from the others.
    waiting.queue.done(number);
    assert_eq!(waiting.rest().await, [2, 3]);
}

#[tokio::test]
async fn the_last_takes_the_place_of_all() {
    let waiting = Waiting::with_room_for(5);
    waiting.offer(1..=4);
    waiting.queue.close(Some(snapshot(5)));
    waiting.queue.closed().await;
    assert_eq!(waiting.displaced(), 4);
    assert_eq!(waiting.rest().await, [5]);
}

#[tokio::test]
async fn the_last_that_was_offered_already_leaves_all_as_they_are() {
    let waiting = Waiting::with_room_for(5);
    waiting.offer(1..=4);
    waiting.queue.close(Some(snapshot(4)));
    assert_eq!(waiting.rest().await, [1, 2, 3, 4]);
}

#[tokio::test]
async fn who_waits_for_a_snapshot_gets_the_next() {
    let waiting = Waiting::with_room_for(1);
    let queue = Arc::clone(&waiting.queue);
    let head = tokio::spawn(async move { queue.head().await.map(|(_, taken)| taken.taken) });
    tokio::task::yield_now().await;
    waiting.offer([7]);
    assert_eq!(head.await.unwrap(), Some(snapshot(7).taken));
}
