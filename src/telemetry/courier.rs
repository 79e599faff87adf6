use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep};

use super::counters::Counters;
use super::limits::{BATCH, PACE};
use crate::export::otlp::{Records, Resource};
use crate::push::{Limits, Outcome, Retry, Streak, Transport};

/// Sends what is in a queue to one endpoint, one request at a time.
pub(super) struct Courier {
    pub records: mpsc::Receiver<Bytes>,
    pub transport: Transport,
    pub resource: Arc<Resource>,
    pub max_request_bytes: usize,
    /// Of one request.
    pub timeout: Duration,
    pub streak: Streak,
    pub counters: Arc<Counters>,
    pub limits: Limits,
}

/// True once the daemon is about to end.
pub(super) type Closing = watch::Receiver<bool>;

impl Courier {
    /// Sends until it is closing and nothing is left.
    pub async fn run(mut self, mut closing: Closing) {
        while let Some(mut records) = self.gather(&mut closing).await {
            while let Some((body, count)) =
                records.next_request(&self.resource, self.max_request_bytes)
            {
                self.deliver(body, count, &mut closing).await;
            }
        }
    }

    /// The next records that go together; none when there will be no more.
    async fn gather(&mut self, closing: &mut Closing) -> Option<Records> {
        let first = tokio::select! {
            biased;
            record = self.records.recv() => record?,
            () = closed(closing) => return None,
        };
        let mut records = Records::default();
        records.push(first);
        if self.records.len() < BATCH {
            tokio::select! {
                () = sleep(PACE) => {}
                () = closed(closing) => {}
            }
        }
        while let Ok(record) = self.records.try_recv() {
            records.push(record);
        }
        Some(records)
    }

    /// Sends a request until the endpoint takes or refuses it.
    async fn deliver(&mut self, body: Vec<u8>, count: u64, closing: &mut Closing) {
        let body = self.transport.pack(body);
        let mut retry = Retry::new(self.limits);
        loop {
            let deadline = Instant::now() + self.timeout;
            match self.transport.send(body.clone(), deadline).await {
                Outcome::Accepted { rejected, message } => {
                    let rejected = rejected.min(count);
                    self.counters.sent(count - rejected);
                    self.counters.dropped(rejected);
                    return self.streak.accepted(rejected, &message);
                }
                Outcome::Refused { why } => {
                    self.counters.dropped(count);
                    return self.streak.refused(&why);
                }
                Outcome::Failed { why, after } => {
                    self.streak.failed(&why);
                    retry.wait(after, closed(closing)).await;
                }
            }
        }
    }
}

/// Resolves once it is closing, or nobody is left who could say so.
async fn closed(closing: &mut Closing) {
    let _ = closing.wait_for(|closing| *closing).await;
}
