use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Result;
use geophone::export::prometheus::Exposition;
use geophone::http::{
    Counters, Limits, Listeners, MapStatus, ModuleStatus, ProgramStatus, Server, ServerConfig,
    Source, Status,
};
use geophone::snapshot::{Snapshot, SnapshotSource, Value};
use geophone_test_support::client::{Client, Response};
use geophone_test_support::wait;
use tokio::sync::{Semaphore, oneshot};

use crate::sample;

/// How long a test waits for what must happen.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub struct Fake {
    pub snapshot: Mutex<Arc<Snapshot>>,
    pub ready: AtomicBool,
    /// Snapshots that may be handed out.
    pub gate: Semaphore,
    pub asked: AtomicUsize,
    /// What was left until the last deadline when it was given.
    pub budget: Mutex<Option<Duration>>,
    pub status: Mutex<Status>,
}

impl Default for Fake {
    fn default() -> Self {
        Self {
            snapshot: Mutex::new(Arc::new(sample::snapshot(1000))),
            ready: AtomicBool::new(true),
            gate: Semaphore::new(Semaphore::MAX_PERMITS),
            asked: AtomicUsize::new(0),
            budget: Mutex::new(None),
            status: Mutex::new(status()),
        }
    }
}

impl SnapshotSource for Fake {
    async fn snapshot(&self, deadline: Option<Instant>) -> Arc<Snapshot> {
        *self.budget.lock().unwrap() =
            deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        self.asked.fetch_add(1, SeqCst);
        self.gate.acquire().await.unwrap().forget();
        Arc::clone(&self.snapshot.lock().unwrap())
    }
}

impl Source for Fake {
    fn modules(&self) -> Vec<String> {
        sample::MODULES.map(str::to_owned).to_vec()
    }

    fn ready(&self) -> bool {
        self.ready.load(SeqCst)
    }

    fn status(&self) -> Status {
        self.status.lock().unwrap().clone()
    }
}

pub fn status() -> Status {
    Status {
        version: "0.1.0".to_owned(),
        modules: vec![ModuleStatus {
            name: "block_io".to_owned(),
            state: "degraded".to_owned(),
            summary: "Latency & size of <block> requests".to_owned(),
            reason: Some("no field \"x\"".to_owned()),
            programs: vec![ProgramStatus {
                name: "block_rq_complete".to_owned(),
                state: "attached".to_owned(),
                hook: Some("tp_btf/block_rq_complete".to_owned()),
                reason: None,
            }],
            maps: vec![MapStatus {
                name: "BLOCK_IO".to_owned(),
                entries: Some(5),
                capacity: 325,
                bytes: 1 << 20,
            }],
        }],
    }
}

/// A server in a thread of its own, stopped when it is dropped.
pub struct Running {
    pub address: SocketAddr,
    pub source: Arc<Fake>,
    pub counters: Arc<Counters>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    pub fn start(source: Fake, adjust: impl FnOnce(&mut ServerConfig)) -> Self {
        let counters = Arc::new(Counters::default());
        let mut config = ServerConfig {
            telemetry_path: "/metrics".to_owned(),
            max_requests: 40,
            exposition: Exposition::default(),
            limits: Limits::default(),
            counters: Arc::clone(&counters),
        };
        adjust(&mut config);
        let source = Arc::new(source);
        let listeners = Listeners::bind(&["127.0.0.1:0".parse().unwrap()]).unwrap();
        let address = listeners.addresses()[0];
        let server = Server::new(listeners, &config, Arc::clone(&source));
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread();
            let runtime = { runtime }.enable_all().build().unwrap();
            runtime
                .block_on(server.run(async move {
                    let _ = stopped.await;
                }))
                .unwrap();
        });
        Self {
            address,
            source,
            counters,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    /// Tells the server to stop, without waiting.
    pub fn stop(&mut self) {
        if let Some(stop) = self.stop.take() {
            stop.send(()).unwrap();
        }
    }

    /// Waits until the server has ended.
    pub fn join(&mut self) {
        self.stop();
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }

    /// The sum of a counter's series whose label values contain all the given ones.
    pub fn counted(&self, metric: &str, labels: &[&str]) -> f64 {
        let families = self.counters.families();
        let family = families
            .iter()
            .find(|family| family.descriptor.name == metric)
            .unwrap();
        family
            .series
            .iter()
            .filter(|series| {
                labels
                    .iter()
                    .all(|label| series.labels.iter().any(|l| **l == **label))
            })
            .map(|series| match &series.value {
                Value::Counter(total) => total.as_f64(),
                Value::Gauge(value) => *value,
                other => panic!("{other:?}"),
            })
            .sum()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.source
            .gate
            .add_permits(1000.min(Semaphore::MAX_PERMITS - self.source.gate.available_permits()));
        self.join();
    }
}

/// Waits for a condition, without telling time from it.
pub fn eventually(what: &str, condition: impl Fn() -> bool) {
    wait::until(what, PATIENCE, || Ok(condition().then_some(()))).unwrap();
}

/// One request on a connection of its own.
pub fn get(address: SocketAddr, target: &str, headers: &str) -> Result<Response> {
    Client::connect(address)?.get(target, headers)
}
