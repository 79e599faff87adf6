use std::sync::Arc;
use std::time::Duration;

use hyper::body::Body;
use hyper::{Method, Request, StatusCode};
use tokio::sync::Semaphore;

use super::counters::{Counters, Route};
use super::limits::BODY_BYTES;
use super::response::{self, Reply};
use super::{ServerConfig, Source, pages, routes};
use crate::export::prometheus::Exposition;

/// Answers requests, whatever connection they came by.
pub(super) struct Handler<S> {
    pub(super) source: Arc<S>,
    pub(super) exposition: Exposition,
    pub(super) counters: Arc<Counters>,
    /// Places for scrapes; none if they are not limited.
    pub(super) places: Option<Arc<Semaphore>>,
    pub(super) scrape_timeout: Duration,
    telemetry_path: String,
}

impl<S: Source> Handler<S> {
    pub(super) fn new(config: &ServerConfig, source: Arc<S>) -> Self {
        let places = config.max_requests.min(Semaphore::MAX_PERMITS);
        Self {
            source,
            exposition: config.exposition,
            counters: Arc::clone(&config.counters),
            places: (places > 0).then(|| Arc::new(Semaphore::new(places))),
            scrape_timeout: config.limits.scrape_timeout,
            telemetry_path: config.telemetry_path.clone(),
        }
    }

    pub(super) async fn handle(&self, request: Request<impl Body>) -> Reply {
        let route = self.route(request.uri().path());
        let reply = if !matches!(*request.method(), Method::GET | Method::HEAD) {
            response::method_not_allowed()
        } else if request
            .body()
            .size_hint()
            .upper()
            .is_none_or(|bytes| bytes > BODY_BYTES)
        {
            response::body_too_large()
        } else {
            match route {
                Route::Metrics => self.scrape(&request).await,
                Route::Landing => pages::landing(&self.source.status(), &self.telemetry_path),
                Route::Healthy => response::text(StatusCode::OK, "Geophone is healthy."),
                Route::Ready => self.ready(),
                Route::Status => pages::status(&self.source.status()),
                Route::Other => self.not_found(),
            }
        };
        self.counters.answered(route, reply.status());
        if request.method() == Method::HEAD {
            response::without_body(reply)
        } else {
            reply
        }
    }

    fn route(&self, path: &str) -> Route {
        if path == self.telemetry_path {
            Route::Metrics
        } else {
            routes::page(path)
        }
    }

    fn ready(&self) -> Reply {
        if self.source.ready() {
            response::text(StatusCode::OK, "Geophone is ready.")
        } else {
            response::busy("Geophone is not ready: the first sweep is not done yet.")
        }
    }

    fn not_found(&self) -> Reply {
        let text = format!("nothing is here; metrics are at {}", self.telemetry_path);
        response::text(StatusCode::NOT_FOUND, text)
    }
}
