use std::future::Future;
use std::pin::pin;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::connections::Connections;
use super::counters::{Counters, Refusal};
use super::handler::Handler;
use super::limits::{ACCEPT_PAUSE, Limits};
use super::listen::Listeners;
use super::stop::{self, Stop};
use super::{Source, connection};
use crate::export::prometheus::Exposition;

/// How to serve.
#[derive(Debug, Clone)]
pub struct ServerConfig {
    /// Where the metrics are, such as `/metrics`.
    pub telemetry_path: String,
    /// Scrapes at once; 0 for any number.
    pub max_requests: usize,
    pub exposition: Exposition,
    pub limits: Limits,
    /// Shared with whoever puts [`Counters::families`] into the snapshot.
    pub counters: Arc<Counters>,
}

/// A server that does not answer before it [runs](Self::run).
pub struct Server<S> {
    listeners: Listeners,
    handler: Arc<Handler<S>>,
    limits: Arc<Limits>,
}

impl<S: Source> Server<S> {
    pub fn new(listeners: Listeners, config: &ServerConfig, source: Arc<S>) -> Self {
        Self {
            listeners,
            handler: Arc::new(Handler::new(config, source)),
            limits: Arc::new(config.limits.clone()),
        }
    }

    /// Serves until `shutdown` resolves and running responses are out, or too late. Needs
    /// tokio with I/O and time.
    ///
    /// # Errors
    /// When the runtime cannot watch a listener.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> std::io::Result<()> {
        let (sender, stop) = stop::channel();
        let counters = Arc::clone(&self.handler.counters);
        let connections = Arc::new(Connections::new(self.limits.connections, counters));
        let mut accepting = JoinSet::new();
        for listener in self.listeners.0 {
            let acceptor = Acceptor {
                listener: tokio::net::TcpListener::from_std(listener)?,
                handler: Arc::clone(&self.handler),
                limits: Arc::clone(&self.limits),
                connections: Arc::clone(&connections),
                stop: stop.clone(),
            };
            accepting.spawn(acceptor.run());
        }
        shutdown.await;
        sender.stop();
        while accepting.join_next().await.is_some() {}
        Ok(())
    }
}

struct Acceptor<S> {
    listener: tokio::net::TcpListener,
    handler: Arc<Handler<S>>,
    limits: Arc<Limits>,
    /// Those of all listeners.
    connections: Arc<Connections>,
    stop: Stop,
}

impl<S: Source> Acceptor<S> {
    async fn run(self) {
        let mut stopped = pin!(self.stop.clone().given());
        let mut serving = JoinSet::new();
        loop {
            tokio::select! {
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, _)) => self.serve(stream, &mut serving),
                    Err(error) => self.recover(&error).await,
                },
                Some(_) = serving.join_next() => {}
                () = &mut stopped => break,
            }
        }
        let Self {
            listener, limits, ..
        } = self;
        drop(listener);
        let drained = async { while serving.join_next().await.is_some() {} };
        if timeout(limits.shutdown_grace, drained).await.is_err() {
            tracing::info!("connections that did not end in time were cut");
        }
    }

    fn serve(&self, stream: TcpStream, serving: &mut JoinSet<()>) {
        let Some(place) = self.connections.admit() else {
            return;
        };
        // Responses are written whole; waiting to fill packets would only delay them. A
        // socket that refuses still serves.
        let _ = stream.set_nodelay(true);
        serving.spawn(connection::serve(
            stream,
            place,
            Arc::clone(&self.handler),
            Arc::clone(&self.limits),
            self.stop.clone(),
        ));
    }

    /// A client that left while it waited is no fault of ours; a shortage passes.
    async fn recover(&self, error: &std::io::Error) {
        use std::io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
        if matches!(
            error.kind(),
            ConnectionAborted | ConnectionReset | Interrupted
        ) {
            return;
        }
        self.handler.counters.refused(Refusal::Accept);
        tracing::warn!(%error, "cannot accept a connection");
        tokio::time::sleep(ACCEPT_PAUSE).await;
    }
}
