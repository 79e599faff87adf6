use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::queue::Queue;
use crate::introspect::{
    Families, OTLP_DROPPED, OTLP_ENCODE_SECONDS, OTLP_EXPORTS, OTLP_LAST_SUCCESS, OTLP_POINTS,
    OTLP_QUEUE_CAPACITY, OTLP_QUEUE_LENGTH, OTLP_REJECTED, OTLP_REQUESTS, OTLP_SENT_BYTES,
};

/// Whatever becomes of metrics on their way to one endpoint.
#[derive(Debug, Default)]
pub struct Counters {
    /// Snapshots of which every request was taken or refused.
    pub(super) exports_done: AtomicU64,
    /// Snapshots that newer ones displaced, or the end of the daemon.
    exports_displaced: AtomicU64,
    pub(super) requests_accepted: AtomicU64,
    pub(super) requests_partial: AtomicU64,
    pub(super) requests_refused: AtomicU64,
    pub(super) requests_failed: AtomicU64,
    pub(super) points: AtomicU64,
    pub(super) rejected: AtomicU64,
    pub(super) dropped_refused: AtomicU64,
    dropped_displaced: AtomicU64,
    pub(super) dropped_unfit: AtomicU64,
    pub(super) bytes: AtomicU64,
    encode_nanoseconds: AtomicU64,
    last_success: Mutex<Option<SystemTime>>,
}

impl Counters {
    pub(super) fn succeeded(&self) {
        let mut last = self
            .last_success
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *last = Some(SystemTime::now());
    }

    /// A snapshot was displaced, and so many points of it were not sent.
    pub(super) fn displaced(&self, points: u64) {
        self.exports_displaced.fetch_add(1, Relaxed);
        self.dropped_displaced.fetch_add(points, Relaxed);
    }

    pub(super) fn encoded(&self, time: Duration) {
        let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.encode_nanoseconds.fetch_add(nanoseconds, Relaxed);
    }
}

/// The counters of every endpoint, for whoever makes a snapshot. None without endpoints.
#[derive(Debug, Clone, Default)]
pub struct PushCounters(Vec<Endpoint>);

#[derive(Debug, Clone)]
struct Endpoint {
    name: String,
    counters: Arc<Counters>,
    queue: Arc<Queue>,
}

impl PushCounters {
    pub(super) fn add(&mut self, name: &str, counters: Arc<Counters>, queue: Arc<Queue>) {
        self.0.push(Endpoint {
            name: name.to_owned(),
            counters,
            queue,
        });
    }

    pub fn introspect(&self, families: &mut Families) {
        for endpoint in &self.0 {
            endpoint.introspect(families);
        }
    }
}

impl Endpoint {
    fn introspect(&self, families: &mut Families) {
        let Self {
            name,
            counters,
            queue,
        } = self;
        let load = |counter: &AtomicU64| counter.load(Relaxed);
        for (outcome, exports) in [
            ("done", &counters.exports_done),
            ("displaced", &counters.exports_displaced),
        ] {
            families.counter(&OTLP_EXPORTS, &[name, outcome], load(exports));
        }
        for (outcome, requests) in [
            ("accepted", &counters.requests_accepted),
            ("partial", &counters.requests_partial),
            ("refused", &counters.requests_refused),
            ("failed", &counters.requests_failed),
        ] {
            families.counter(&OTLP_REQUESTS, &[name, outcome], load(requests));
        }
        families.counter(&OTLP_POINTS, &[name], load(&counters.points));
        families.counter(&OTLP_REJECTED, &[name], load(&counters.rejected));
        for (reason, points) in [
            ("refused", &counters.dropped_refused),
            ("displaced", &counters.dropped_displaced),
            ("unfit", &counters.dropped_unfit),
        ] {
            families.counter(&OTLP_DROPPED, &[name, reason], load(points));
        }
        families.counter(&OTLP_SENT_BYTES, &[name], load(&counters.bytes));
        let encoding = Duration::from_nanos(load(&counters.encode_nanoseconds));
        families.seconds_counter(&OTLP_ENCODE_SECONDS, &[name], encoding.as_secs_f64());
        families.gauge(&OTLP_QUEUE_LENGTH, &[name], queue.len() as f64);
        families.gauge(&OTLP_QUEUE_CAPACITY, &[name], queue.capacity() as f64);
        let last = *counters
            .last_success
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = last {
            let since_epoch = last.duration_since(UNIX_EPOCH).unwrap_or_default();
            families.gauge(&OTLP_LAST_SUCCESS, &[name], since_epoch.as_secs_f64());
        }
    }
}
