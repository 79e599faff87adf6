//! Ways in for `tests/fuzz`.

use std::sync::Arc;

use hyper::HeaderMap;
use tokio::io::{AsyncRead, AsyncWrite};

use super::connections::Connections;
use super::handler::Handler;
use super::{ServerConfig, Source, accept, accept_encoding, connection, stop};
use crate::export::prometheus::Format;

/// Which format a request with these headers is answered in, and whether it may be packed.
pub fn negotiate(headers: &HeaderMap) -> (Format, bool) {
    let gzip = accept_encoding::accepts_gzip(headers);
    (accept::negotiate(headers), gzip)
}

/// Serves one connection, whatever it came by, until its client leaves or breaks a limit.
pub async fn serve(
    config: &ServerConfig,
    source: Arc<impl Source>,
    stream: impl AsyncRead + AsyncWrite + Unpin,
) {
    let handler = Arc::new(Handler::new(config, source));
    let connections = Arc::new(Connections::new(1, Arc::clone(&config.counters)));
    let (_sender, stop) = stop::channel();
    if let Some(place) = connections.admit() {
        let limits = Arc::new(config.limits.clone());
        connection::serve(stream, place, handler, limits, stop).await;
    }
}
