use std::io;
use std::thread::{Builder, JoinHandle};

use opentelemetry::Context;
use tokio::runtime;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};
use tracing::warn;

use super::courier::Courier;
use crate::kernel::{Duty, confine};

/// Starts the thread that sends until it is told to end, by the moment it is told.
pub(super) fn start(
    couriers: Vec<Courier>,
    stop: oneshot::Receiver<Instant>,
) -> io::Result<JoinHandle<()>> {
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    Builder::new().name("telemetry".into()).spawn(move || {
        confine(Duty::Serve);
        // What is said here of sending, by libraries too, would be sent, and make more to say.
        let _unsent = Context::enter_telemetry_suppressed_scope();
        runtime.block_on(send(couriers, stop));
        // Not to wait for a name that is being looked up.
        runtime.shutdown_background();
    })
}

async fn send(couriers: Vec<Courier>, stop: oneshot::Receiver<Instant>) {
    let (close, closing) = watch::channel(false);
    let mut sending = JoinSet::new();
    for courier in couriers {
        sending.spawn(courier.run(closing.clone()));
    }
    // An error means that nobody waits.
    let deadline = stop.await.unwrap_or_else(|_| Instant::now());
    close.send_replace(true);
    let all_sent = async { while sending.join_next().await.is_some() {} };
    if timeout_at(deadline, all_sent).await.is_err() {
        warn!("stopped before every OTLP endpoint had taken the last log messages and spans");
    }
}
