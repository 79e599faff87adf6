//! Pushes of snapshots that grow.

#![allow(dead_code)]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use geophone::config::{Compression, Otlp, OtlpEndpoint, OtlpProtocol};
use geophone::export::otlp::{HistogramAggregation, Temporality};
use geophone::push::{Endpoints, Limits, PushCounters, Pusher};
use geophone::snapshot::{Kind, Snapshot, SnapshotSource, Unit};

use crate::sample;

/// The sample, and a counter of the snapshots that were taken. Its waits grow, too.
pub struct Growing {
    taken: AtomicU64,
    begun: SystemTime,
    last: Mutex<Option<Arc<Snapshot>>>,
}

/// The counter.
pub const TAKEN: &str = "geophone_snapshots_taken_total";

impl Growing {
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            taken: AtomicU64::new(0),
            begun: SystemTime::now(),
            last: Mutex::default(),
        })
    }

    /// How many snapshots were taken.
    pub fn taken(&self) -> u64 {
        self.taken.load(Ordering::SeqCst)
    }

    /// The last of them.
    pub fn last(&self) -> Arc<Snapshot> {
        Arc::clone(self.last.lock().unwrap().as_ref().expect("none was taken"))
    }

    fn take(&self) -> Snapshot {
        let taken = self.taken.fetch_add(1, Ordering::SeqCst) + 1;
        let mut snapshot = sample::snapshot(1000 + u32::try_from(taken).unwrap());
        let about = sample::descriptor(TAKEN, Kind::Counter, Unit::None, &[]);
        let counter = sample::family(about, vec![(vec![], sample::count(taken))]);
        snapshot.families.push(counter);
        // The sample's counts begin in the past; a receiver need not take such old ones.
        for family in &mut snapshot.families {
            let family = Arc::make_mut(family);
            for series in &mut family.series {
                series.since = self.begun;
            }
        }
        snapshot
    }
}

impl SnapshotSource for Growing {
    async fn snapshot(&self, _deadline: Option<Instant>) -> Arc<Snapshot> {
        let snapshot = Arc::new(self.take());
        *self.last.lock().unwrap() = Some(Arc::clone(&snapshot));
        snapshot
    }
}

/// An endpoint with the defaults of the configuration.
pub fn endpoint(protocol: OtlpProtocol, url: &str) -> OtlpEndpoint {
    let path = |signal: &str| match protocol {
        OtlpProtocol::HttpProtobuf => format!("{url}/v1/{signal}"),
        OtlpProtocol::Grpc => url.to_owned(),
    };
    OtlpEndpoint {
        protocol,
        metrics_url: path("metrics"),
        logs_url: path("logs"),
        traces_url: path("traces"),
        headers: Vec::new(),
        compression: Compression::Gzip,
        timeout: Duration::from_secs(10),
        certificate: None,
        client_certificate: None,
        client_key: None,
        temporality: Temporality::Cumulative,
        histograms: HistogramAggregation::Exponential,
        logs: false,
        traces: false,
    }
}

/// Pushes often: a second here is a minute of the daemon's.
pub fn config(endpoints: &[(&str, OtlpEndpoint)]) -> Otlp {
    let endpoints = endpoints.iter();
    let endpoints: BTreeMap<_, _> = endpoints
        .map(|(name, endpoint)| ((*name).to_owned(), endpoint.clone()))
        .collect();
    Otlp {
        enabled: true,
        interval: Duration::from_millis(50),
        export_timeout: Duration::from_secs(30),
        flush_timeout: Duration::from_secs(3),
        queue_size: 5,
        max_request_bytes: 4 << 20,
        service_name: "geophone".to_owned(),
        resource_attributes: Vec::new(),
        endpoints,
    }
}

/// Waits that are shorter than the daemon's.
pub fn limits() -> Limits {
    Limits {
        first_wait: Duration::from_millis(20),
        longest_wait: Duration::from_millis(200),
        ..Limits::default()
    }
}

/// A push that goes on until it is stopped.
pub struct Pushing {
    pusher: Pusher,
    pub source: Arc<Growing>,
    pub counters: PushCounters,
}

impl Pushing {
    pub fn start(config: &Otlp) -> Self {
        let endpoints = Endpoints::new(config, &[], limits()).expect("there is an endpoint");
        let (source, counters) = (Growing::new(), endpoints.counters());
        let pusher = endpoints.start(Arc::clone(&source)).unwrap();
        Self {
            pusher,
            source,
            counters,
        }
    }

    /// Stops the push, and says how long that took.
    pub fn stop(self) -> Duration {
        let started = Instant::now();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(self.pusher.stop());
        started.elapsed()
    }
}
