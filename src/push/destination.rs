use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;
use tracing::field::Empty;
use tracing::{Instrument as _, info_span};

use super::counters::Counters;
use super::limits::Limits;
use super::outcome::Outcome;
use super::queue::Queue;
use super::retry::Retry;
use super::streak::Streak;
use super::transport::Transport;
use crate::export::otlp::{Baseline, Encoding, Part, Requests};
use crate::snapshot::Snapshot;
use crate::telemetry::integer;

/// Sends the snapshots of a queue to one endpoint, one request at a time.
pub(super) struct Destination {
    pub queue: Arc<Queue>,
    pub transport: Transport,
    pub encoding: Encoding,
    pub counters: Arc<Counters>,
    pub streak: Streak,
    pub export_timeout: Duration,
    retry: Retry,
    baseline: Baseline,
}

/// A snapshot on its way.
struct Export {
    requests: Requests,
    /// The request that is sent, until the endpoint takes or refuses it.
    pending: Option<Pending>,
}

struct Pending {
    body: Bytes,
    /// Before compression.
    bytes: u64,
    points: u64,
    parts: Vec<Part>,
}

impl Destination {
    pub fn new(
        queue: Arc<Queue>,
        transport: Transport,
        encoding: Encoding,
        (counters, streak): (Arc<Counters>, Streak),
        export_timeout: Duration,
        limits: Limits,
    ) -> Self {
        Self {
            queue,
            transport,
            encoding,
            counters,
            streak,
            export_timeout,
            retry: Retry::new(limits),
            baseline: Baseline::default(),
        }
    }

    /// Sends until the queue is closed and empty.
    pub async fn run(mut self) {
        while let Some((number, snapshot)) = self.queue.head().await {
            let span = info_span!(
                target: "geophone",
                "export",
                endpoint = self.streak.endpoint(),
                points = integer(snapshot.points()),
                outcome = Empty,
            );
            let mut export = Export::new(snapshot);
            let is_done = loop {
                let pass = self.pass(&mut export).instrument(span.clone());
                let Err(asked) = pass.await else {
                    break true;
                };
                self.retry.wait(asked, self.queue.closed()).await;
                if !self.queue.is_head(number) {
                    break false;
                }
            };
            span.record("outcome", if is_done { "done" } else { "displaced" });
            self.end(&export, is_done);
            self.queue.done(number);
        }
    }

    /// Sends what is left of an export, until something fails: then, how long the endpoint asks
    /// to be left alone.
    async fn pass(&mut self, export: &mut Export) -> Result<(), Option<Duration>> {
        let deadline = Instant::now() + self.export_timeout;
        while self.prepare(export) {
            let Some(pending) = &export.pending else {
                break;
            };
            match self.transport.send(pending.body.clone(), deadline).await {
                Outcome::Accepted { rejected, message } => {
                    self.accepted(pending, rejected, &message);
                    self.retry.answered();
                }
                Outcome::Refused { why } => {
                    add(&self.counters.requests_refused, 1);
                    add(&self.counters.dropped_refused, pending.points);
                    self.streak.refused(&why);
                    self.retry.answered();
                }
                Outcome::Failed { why, after } => {
                    add(&self.counters.requests_failed, 1);
                    self.streak.failed(&why);
                    return Err(after);
                }
            }
            // Taken or refused: neither is sent again, nor is it in the next delta.
            let shape = self.encoding.shape;
            self.baseline
                .told(shape, export.requests.snapshot(), &pending.parts);
            export.pending = None;
        }
        Ok(())
    }

    /// Sees to it that a request is pending; false when there is none left.
    fn prepare(&self, export: &mut Export) -> bool {
        if export.pending.is_some() {
            return true;
        }
        let started = std::time::Instant::now();
        let request = export.requests.next(&self.encoding, &self.baseline);
        export.pending = request.map(|request| Pending {
            bytes: request.body.len() as u64,
            body: self.transport.pack(request.body),
            points: request.points,
            parts: request.parts,
        });
        self.counters.encoded(started.elapsed());
        export.pending.is_some()
    }

    fn accepted(&mut self, pending: &Pending, rejected: u64, message: &str) {
        let counters = &self.counters;
        let rejected = rejected.min(pending.points);
        if rejected == 0 && message.is_empty() {
            add(&counters.requests_accepted, 1);
        } else {
            add(&counters.requests_partial, 1);
        }
        add(&counters.points, pending.points - rejected);
        add(&counters.rejected, rejected);
        add(&counters.bytes, pending.bytes);
        counters.succeeded();
        self.streak.accepted(rejected, message);
    }

    fn end(&mut self, export: &Export, is_done: bool) {
        add(&self.counters.dropped_unfit, export.requests.unfit());
        if is_done {
            add(&self.counters.exports_done, 1);
            self.baseline.forget_gone(export.requests.snapshot());
        } else {
            let pending = export.pending.as_ref().map_or(0, |pending| pending.points);
            self.counters.displaced(pending + export.requests.left());
        }
    }
}

impl Export {
    fn new(snapshot: Arc<Snapshot>) -> Self {
        Self {
            requests: Requests::new(snapshot),
            pending: None,
        }
    }
}

fn add(counter: &AtomicU64, count: u64) {
    counter.fetch_add(count, Relaxed);
}
