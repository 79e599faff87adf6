use std::ffi::OsString;
use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};
use tracing::{info, warn};

use super::counters::{Counters, PushCounters};
use super::destination::Destination;
use super::limits::Limits;
use super::queue::Queue;
use super::resource::resource;
use super::schedule;
use super::streak::Streak;
use super::transport::{Signal, Transport};
use crate::config::Otlp;
use crate::export::otlp::{Encoding, Shape};
use crate::kernel::{Duty, confine};
use crate::snapshot::SnapshotSource;

/// Where to push to, and what, before there is anything to push.
pub struct Endpoints {
    destinations: Vec<Destination>,
    counters: PushCounters,
    interval: Duration,
    export_timeout: Duration,
    flush_timeout: Duration,
}

impl Endpoints {
    /// None where nothing shall be pushed.
    pub fn new(
        config: &Otlp,
        environment: &[(OsString, OsString)],
        limits: Limits,
    ) -> Option<Self> {
        if !config.enabled || config.endpoints.is_empty() {
            return None;
        }
        let resource = Arc::new(resource(config, environment));
        let mut destinations = Vec::new();
        let mut all = PushCounters::default();
        for (name, endpoint) in &config.endpoints {
            let counters = Arc::new(Counters::default());
            let queue = Arc::new(Queue::new(config.queue_size, Arc::clone(&counters)));
            all.add(name, Arc::clone(&counters), Arc::clone(&queue));
            let encoding = Encoding {
                shape: Shape {
                    temporality: endpoint.temporality,
                    histograms: endpoint.histograms,
                },
                resource: Arc::clone(&resource),
                max_request_bytes: config.max_request_bytes,
            };
            destinations.push(Destination::new(
                queue,
                Transport::new(endpoint.clone(), Signal::Metrics),
                encoding,
                (counters, Streak::new(name, Signal::Metrics)),
                config.export_timeout,
                limits,
            ));
            info!(endpoint = %name, url = %endpoint.shown_url(), "pushing over OTLP");
        }
        Some(Self {
            destinations,
            counters: all,
            interval: config.interval,
            export_timeout: config.export_timeout,
            flush_timeout: config.flush_timeout,
        })
    }

    /// What is counted of them, to be put into the snapshots.
    pub fn counters(&self) -> PushCounters {
        self.counters.clone()
    }

    /// Begins to push, on a thread of its own.
    ///
    /// # Errors
    ///
    /// The system has no room for another thread.
    pub fn start<S: SnapshotSource>(self, source: Arc<S>) -> io::Result<Pusher> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel();
        let (end, ended) = oneshot::channel();
        let thread = thread::Builder::new().name("push".into()).spawn(move || {
            confine(Duty::Serve);
            runtime.block_on(self.push(source, stopped));
            // Not to wait for a name that is being looked up.
            runtime.shutdown_background();
            // Who waits may have gone.
            let _ = end.send(());
        })?;
        Ok(Pusher {
            stop,
            ended,
            thread,
        })
    }

    async fn push<S: SnapshotSource>(self, source: Arc<S>, stopped: oneshot::Receiver<()>) {
        let destinations = self.destinations;
        let queues: Vec<Arc<Queue>> = destinations
            .iter()
            .map(|destination| Arc::clone(&destination.queue))
            .collect();
        let mut sending = JoinSet::new();
        for destination in destinations {
            sending.spawn(destination.run());
        }
        let offering = schedule::run(
            Arc::clone(&source),
            self.interval,
            self.export_timeout,
            queues.clone(),
        );
        tokio::select! {
            () = offering => {}
            // An error means that the pusher was dropped.
            _ = stopped => {}
        }
        let deadline = Instant::now() + self.flush_timeout;
        let last = if self.flush_timeout.is_zero() {
            None
        } else {
            // There shall be time to send what was read of it.
            let read_until = Instant::now() + self.flush_timeout / 3;
            let last = source.snapshot(Some(read_until.into_std()));
            timeout_at(deadline, last).await.ok()
        };
        for queue in &queues {
            queue.close(last.clone());
        }
        let all_sent = async { while sending.join_next().await.is_some() {} };
        if timeout_at(deadline, all_sent).await.is_err() {
            warn!("stopped before every OTLP endpoint had taken the last metrics");
        }
    }
}

/// Snapshots being pushed.
pub struct Pusher {
    stop: oneshot::Sender<()>,
    ended: oneshot::Receiver<()>,
    thread: JoinHandle<()>,
}

impl Pusher {
    /// Pushes a last snapshot, for as long as `otlp.flush_timeout` at most.
    pub async fn stop(self) {
        // Errors mean that it has ended.
        let _ = self.stop.send(());
        let _ = self.ended.await;
        let _ = self.thread.join();
    }
}
