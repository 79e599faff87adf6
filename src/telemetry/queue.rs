use std::sync::Arc;

use bytes::Bytes;
use prost::Message;
use tokio::sync::mpsc;

use super::counters::Counters;
use super::limits::QUEUE;

/// Encoded records that wait for one endpoint. Where there is no room new ones are dropped: the
/// first ones of an outage tell how it came about.
#[derive(Debug, Clone)]
pub(super) struct Queue {
    records: mpsc::Sender<Bytes>,
    counters: Arc<Counters>,
}

impl Queue {
    /// An empty one, and its end.
    pub fn new(counters: Arc<Counters>) -> (Self, mpsc::Receiver<Bytes>) {
        let (records, end) = mpsc::channel(QUEUE);
        (Self { records, counters }, end)
    }

    fn offer(&self, record: Bytes) {
        if self.records.try_send(record).is_err() {
            self.counters.dropped(1);
        }
    }
}

/// Encodes a record once, for all queues.
pub(super) fn offer(queues: &[Queue], record: &impl Message) {
    let record = Bytes::from(record.encode_to_vec());
    for queue in queues {
        queue.offer(record.clone());
    }
}
