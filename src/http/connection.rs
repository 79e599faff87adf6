use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;

use hyper::StatusCode;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use super::Source;
use super::connections::Place;
use super::counters::Route;
use super::guard::Guard;
use super::handler::Handler;
use super::limits::{HEADER_BYTES, HEADER_COUNT, Limits};
use super::stop::Stop;

/// Room for a request's head and for what a client sends ahead of it.
const BUFFER_BYTES: usize = 4 * HEADER_BYTES;

/// Serves one connection until its client leaves or breaks a limit, or it is to stop or loses
/// its place and the running response is out.
pub(super) async fn serve<S: Source>(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    place: Place,
    handler: Arc<Handler<S>>,
    limits: Arc<Limits>,
    stop: Stop,
) {
    let phase = place.phase();
    let counters = Arc::clone(&handler.counters);
    let service = service_fn(|request| {
        let (handler, phase) = (Arc::clone(&handler), Arc::clone(phase));
        async move {
            phase.begin_serving();
            let response = handler.handle(request).await;
            phase.begin_sending();
            Ok::<_, Infallible>(response)
        }
    });
    let io = TokioIo::new(Guard::new(stream, Arc::clone(phase), limits));
    let connection = http1::Builder::new()
        .header_read_timeout(None)
        .max_header_size(HEADER_BYTES)
        .max_headers(HEADER_COUNT)
        .max_buf_size(BUFFER_BYTES)
        .serve_connection(io, service);
    let mut connection = pin!(connection);
    let told = async {
        tokio::select! {
            () = stop.given() => {}
            () = place.lost() => {}
        }
    };
    let ended = tokio::select! {
        // First of all: who was chosen while it waited begins nothing new.
        biased;
        () = told => {
            if phase.waiting_since().is_some() {
                return;
            }
            connection.as_mut().graceful_shutdown();
            connection.await
        }
        ended = connection.as_mut() => ended,
    };
    if let Err(error) = ended {
        // hyper has answered by itself what it could not read (`Server::on_error()`).
        if error.is_parse_too_large() {
            counters.answered(Route::Other, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
        } else if error.is_parse() && !error.is_parse_version_h2() {
            counters.answered(Route::Other, StatusCode::BAD_REQUEST);
        }
        tracing::debug!(%error, "connection ended early");
    }
}
