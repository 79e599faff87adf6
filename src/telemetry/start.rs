use std::ffi::OsString;
use std::io;
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;

use opentelemetry_appender_tracing::layer::OpenTelemetryTracingBridge;
use opentelemetry_sdk::logs::{SdkLogger, SdkLoggerProvider};
use opentelemetry_sdk::trace::SdkTracer;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tracing::{Subscriber, info};
use tracing_opentelemetry::OpenTelemetryLayer;
use tracing_subscriber::registry::LookupSpan;

use super::counters::{Counters, TelemetryCounters};
use super::courier::Courier;
use super::queue::Queue;
use super::{messages, spans, thread};
use crate::config::{Otlp, OtlpEndpoint};
use crate::push::{Limits, Signal, Streak, Transport, resource};

/// Geophone's own messages and spans on their way to the endpoints that want them.
pub struct Telemetry {
    messages: Option<SdkLoggerProvider>,
    spans: Option<SdkTracer>,
    counters: TelemetryCounters,
    /// Endpoints, what they take, and where.
    wanted: Vec<(String, Signal, String)>,
    flush_timeout: Duration,
    deadline: OnceLock<Instant>,
    stop: oneshot::Sender<Instant>,
    thread: JoinHandle<()>,
}

impl Telemetry {
    /// Begins to send, on a thread of its own; none where no endpoint wants any of it.
    ///
    /// # Errors
    ///
    /// The system has no room for another thread.
    pub fn start(
        config: &Otlp,
        environment: &[(OsString, OsString)],
        limits: Limits,
    ) -> io::Result<Option<Self>> {
        let wants = |endpoint: &OtlpEndpoint| endpoint.logs || endpoint.traces;
        if !config.enabled || !config.endpoints.values().any(wants) {
            return Ok(None);
        }
        let resource = Arc::new(resource(config, environment));
        let mut counters = TelemetryCounters::default();
        let (mut wanted, mut couriers) = (Vec::new(), Vec::new());
        let (mut logs, mut traces) = (Vec::new(), Vec::new());
        for (name, endpoint) in &config.endpoints {
            for (signal, is_wanted, queues) in [
                (Signal::Logs, endpoint.logs, &mut logs),
                (Signal::Traces, endpoint.traces, &mut traces),
            ] {
                if !is_wanted {
                    continue;
                }
                let counted = Arc::new(Counters::default());
                counters.add(name, signal, &counted);
                wanted.push((name.clone(), signal, signal.url(endpoint).to_owned()));
                let (queue, records) = Queue::new(Arc::clone(&counted));
                queues.push(queue);
                couriers.push(Courier {
                    records,
                    transport: Transport::new(endpoint.clone(), signal),
                    resource: Arc::clone(&resource),
                    max_request_bytes: config.max_request_bytes,
                    timeout: endpoint.timeout,
                    streak: Streak::new(name, signal),
                    counters: counted,
                    limits,
                });
            }
        }
        let (stop, stopped) = oneshot::channel();
        Ok(Some(Self {
            messages: (!logs.is_empty()).then(|| messages::provider(logs)),
            spans: (!traces.is_empty()).then(|| spans::tracer(traces)),
            counters,
            wanted,
            flush_timeout: config.flush_timeout,
            deadline: OnceLock::new(),
            stop,
            thread: thread::start(couriers, stopped)?,
        }))
    }

    /// What takes messages, if some endpoint wants them.
    pub fn messages(&self) -> Option<OpenTelemetryTracingBridge<SdkLoggerProvider, SdkLogger>> {
        self.messages.as_ref().map(OpenTelemetryTracingBridge::new)
    }

    /// What takes spans, if some endpoint wants them.
    pub fn spans<S>(&self) -> Option<OpenTelemetryLayer<S, SdkTracer>>
    where
        S: Subscriber + for<'s> LookupSpan<'s>,
    {
        // Where in the source code they begin, and on which thread, is of use to nobody else.
        let layer = |tracer: &SdkTracer| {
            tracing_opentelemetry::layer()
                .with_location(false)
                .with_target(false)
                .with_threads(false)
                .with_tracked_inactivity(false)
                .with_tracer(tracer.clone())
        };
        self.spans.as_ref().map(layer)
    }

    /// What is counted of them, to be put into the snapshots.
    pub fn counters(&self) -> TelemetryCounters {
        self.counters.clone()
    }

    /// Says where they go.
    pub fn announce(&self) {
        for (endpoint, signal, url) in &self.wanted {
            info!(%endpoint, %url, "sending {signal} over OTLP");
        }
    }

    /// The daemon is about to end: `otlp.flush_timeout` begins, if it has not yet.
    pub fn stopping(&self) {
        self.deadline();
    }

    /// Sends what is left, until `otlp.flush_timeout` is over at most.
    pub fn stop(self) {
        let deadline = self.deadline();
        // Errors mean that it has ended.
        let _ = self.stop.send(deadline);
        let _ = self.thread.join();
    }

    fn deadline(&self) -> Instant {
        *self
            .deadline
            .get_or_init(|| Instant::now() + self.flush_timeout)
    }
}
