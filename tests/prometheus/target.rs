use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Instant, SystemTime};

use geophone::export::prometheus::Exposition;
use geophone::http::{Counters, Limits, Listeners, Server, ServerConfig, Source, Status};
use geophone::snapshot::{Family, Snapshot, SnapshotSource};
use tokio::sync::oneshot;

use crate::sample;

/// The sample, counting since the start, and the server's own counters.
struct Fixed {
    since: SystemTime,
    counters: Arc<Counters>,
}

impl SnapshotSource for Fixed {
    async fn snapshot(&self, _deadline: Option<Instant>) -> Arc<Snapshot> {
        let mut snapshot = sample::snapshot(20_000);
        for family in &mut snapshot.families {
            let mut series = family.series.clone();
            for series in &mut series {
                series.since = self.since;
            }
            let descriptor = Arc::clone(&family.descriptor);
            *family = Arc::new(Family { descriptor, series });
        }
        snapshot.families.extend(self.counters.families());
        Arc::new(snapshot)
    }
}

impl Source for Fixed {
    fn modules(&self) -> Vec<String> {
        sample::MODULES.map(str::to_owned).to_vec()
    }

    fn ready(&self) -> bool {
        true
    }

    fn status(&self) -> Status {
        Status::default()
    }
}

pub struct Target {
    pub address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Target {
    pub fn start(exposition: Exposition) -> Self {
        let counters = Arc::new(Counters::default());
        let config = ServerConfig {
            telemetry_path: "/metrics".to_owned(),
            max_requests: 40,
            exposition,
            limits: Limits::default(),
            counters: Arc::clone(&counters),
        };
        let source = Fixed {
            since: SystemTime::now(),
            counters,
        };
        let listeners = Listeners::bind(&["127.0.0.1:0".parse().unwrap()]).unwrap();
        let address = listeners.addresses()[0];
        let server = Server::new(listeners, &config, Arc::new(source));
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            let mut runtime = tokio::runtime::Builder::new_current_thread();
            let stopped = async move {
                let _ = stopped.await;
            };
            runtime
                .enable_all()
                .build()
                .unwrap()
                .block_on(server.run(stopped))
                .unwrap();
        });
        Self {
            address,
            stop: Some(stop),
            thread: Some(thread),
        }
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}
