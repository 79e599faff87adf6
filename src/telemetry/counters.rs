use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::introspect::{Families, OTLP_RECORDS, OTLP_RECORDS_DROPPED};
use crate::push::Signal;

/// What became of log records or spans on their way to one endpoint.
#[derive(Debug, Default)]
pub(super) struct Counters {
    sent: AtomicU64,
    dropped: AtomicU64,
}

impl Counters {
    /// The endpoint took so many.
    pub fn sent(&self, records: u64) {
        self.sent.fetch_add(records, Relaxed);
    }

    /// So many were not taken, or had no room to wait.
    pub fn dropped(&self, records: u64) {
        self.dropped.fetch_add(records, Relaxed);
    }
}

/// The counters of every endpoint that wants log records or spans, for whoever makes a snapshot.
#[derive(Debug, Clone, Default)]
pub struct TelemetryCounters(Vec<(String, Signal, Arc<Counters>)>);

impl TelemetryCounters {
    pub(super) fn add(&mut self, endpoint: &str, signal: Signal, counters: &Arc<Counters>) {
        self.0
            .push((endpoint.to_owned(), signal, Arc::clone(counters)));
    }

    /// Adds their metrics.
    pub fn introspect(&self, families: &mut Families) {
        for (endpoint, signal, counters) in &self.0 {
            let labels: &[&str] = &[endpoint, signal.label()];
            families.counter(&OTLP_RECORDS, labels, counters.sent.load(Relaxed));
            families.counter(
                &OTLP_RECORDS_DROPPED,
                labels,
                counters.dropped.load(Relaxed),
            );
        }
    }
}
