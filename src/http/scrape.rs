use std::io::Write;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::header::{CONTENT_ENCODING, HeaderValue, VARY};
use hyper::{Request, StatusCode};
use tokio::sync::OwnedSemaphorePermit;
use tracing::field::Empty;
use tracing::{Instrument as _, Span, info_span};

use super::Source;
use super::accept::negotiate;
use super::accept_encoding::accepts_gzip;
use super::counters::InFlight;
use super::deadline::{scrape_timeout, sweep_budget};
use super::filter::Filter;
use super::handler::Handler;
use super::limits::{GZIP_FROM_BYTES, GZIP_LEVEL};
use super::response::{self, Reply};
use crate::export::prometheus::{EncodeError, encode};
use crate::telemetry::integer;

impl<S: Source> Handler<S> {
    /// Answers with the metrics: selected by the query, in the format and coding that the
    /// client prefers, within its time.
    pub(super) async fn scrape(&self, request: &Request<impl Sized>) -> Reply {
        let span = info_span!(target: "geophone", "scrape", format = Empty, bytes = Empty);
        self.answer(request, &span).instrument(span.clone()).await
    }

    async fn answer(&self, request: &Request<impl Sized>, span: &Span) -> Reply {
        let query = request.uri().query().unwrap_or_default();
        let filter = match Filter::parse(query, &self.source.modules()) {
            Ok(filter) => filter,
            Err(error) => return response::text(StatusCode::BAD_REQUEST, error.to_string()),
        };
        let Some(place) = self.take_place() else {
            return response::busy("too many scrapes at once; see web.max_requests");
        };
        let timeout = scrape_timeout(request.headers());
        let deadline =
            timeout.and_then(|timeout| Instant::now().checked_add(sweep_budget(timeout)));
        let patience = timeout
            .unwrap_or(self.scrape_timeout)
            .min(self.scrape_timeout);
        let snapshot = self.source.snapshot(deadline);
        let Ok(snapshot) = tokio::time::timeout(patience, snapshot).await else {
            tracing::warn!(?patience, "a scrape ended without a snapshot");
            return response::busy("the sweep did not end in time");
        };

        let format = negotiate(request.headers());
        let gzip = accepts_gzip(request.headers());
        let families = filter.apply(&snapshot);
        let exposition = self.exposition;
        // Large pages take milliseconds, in which other clients shall not wait.
        let page = tokio::task::spawn_blocking(move || {
            let page = encode(format, &families, &exposition)?;
            Ok::<_, EncodeError>(if gzip { pack(page) } else { (page, false) })
        });
        let (page, packed) = match page.await {
            Ok(Ok(page)) => page,
            Ok(Err(error)) => return failed(error),
            Err(error) => return failed(error),
        };
        span.record("format", format.content_type());
        span.record("bytes", integer(page.len()));
        let body = Bytes::from_owner(Page {
            bytes: page,
            _place: place,
        });
        let mut reply = response::reply(StatusCode::OK, format.content_type(), body);
        response::set(
            &mut reply,
            VARY,
            HeaderValue::from_static("Accept, Accept-Encoding"),
        );
        if packed {
            response::set(
                &mut reply,
                CONTENT_ENCODING,
                HeaderValue::from_static("gzip"),
            );
        }
        reply
    }

    fn take_place(&self) -> Option<Place> {
        let permit = match &self.places {
            Some(places) => Some(Arc::clone(places).try_acquire_owned().ok()?),
            None => None,
        };
        Some(Place {
            _permit: permit,
            _in_flight: self.counters.begin_scrape(),
        })
    }
}

/// The right to be served, and the count of those who are.
struct Place {
    _permit: Option<OwnedSemaphorePermit>,
    _in_flight: InFlight,
}

/// A page holds its place until its last byte is with the kernel or its client is gone, so
/// that the limit on scrapes is one on memory too.
struct Page {
    bytes: Vec<u8>,
    _place: Place,
}

impl AsRef<[u8]> for Page {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// The page, packed if that makes it smaller, and whether it is.
fn pack(page: Vec<u8>) -> (Vec<u8>, bool) {
    if page.len() < GZIP_FROM_BYTES {
        return (page, false);
    }
    // A metrics page packs to about a tenth.
    let target = Vec::with_capacity(page.len() / 8);
    let mut encoder = GzEncoder::new(target, Compression::new(GZIP_LEVEL));
    let packed = encoder.write_all(&page).and_then(|()| encoder.finish());
    match packed {
        Ok(packed) if packed.len() < page.len() => (packed, true),
        _ => (page, false),
    }
}

fn failed(error: impl std::error::Error) -> Reply {
    tracing::error!(%error, "the metrics cannot be encoded");
    let text = format!("the metrics cannot be encoded: {error}");
    response::text(StatusCode::INTERNAL_SERVER_ERROR, text)
}
