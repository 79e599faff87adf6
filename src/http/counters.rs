//! What the server counts of itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::SystemTime;

use hyper::StatusCode;

use crate::snapshot::{Descriptor, Family, Kind, Number, OtlpName, Series, Stability, Unit, Value};

/// The routes, as label `handler` names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Route {
    Metrics,
    Landing,
    Healthy,
    Ready,
    Status,
    /// No such path, or a request that could not be read.
    Other,
}

const ROUTES: [(Route, &str); 6] = [
    (Route::Metrics, "metrics"),
    (Route::Landing, "landing"),
    (Route::Healthy, "healthy"),
    (Route::Ready, "ready"),
    (Route::Status, "status"),
    (Route::Other, "other"),
];

/// Every status the server answers with.
const CODES: [(StatusCode, &str); 8] = [
    (StatusCode::OK, "200"),
    (StatusCode::BAD_REQUEST, "400"),
    (StatusCode::NOT_FOUND, "404"),
    (StatusCode::METHOD_NOT_ALLOWED, "405"),
    (StatusCode::PAYLOAD_TOO_LARGE, "413"),
    (StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "431"),
    (StatusCode::INTERNAL_SERVER_ERROR, "500"),
    (StatusCode::SERVICE_UNAVAILABLE, "503"),
];

/// Outcomes of a scrape that alerts look for, present before they first happen.
const FORESEEN: [&str; 3] = ["200", "500", "503"];

/// Why a connection was not served, as label `reason` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Too many were open, all of them with a request in progress.
    Limit,
    /// The kernel could not hand it over.
    Accept,
}

const REFUSALS: [(Refusal, &str); 2] = [(Refusal::Limit, "limit"), (Refusal::Accept, "accept")];

/// Requests, scrapes in flight, connections refused and evicted.
#[derive(Debug)]
pub struct Counters {
    since: SystemTime,
    requests: [[AtomicU64; CODES.len()]; ROUTES.len()],
    in_flight: AtomicU64,
    refused: [AtomicU64; REFUSALS.len()],
    evicted: AtomicU64,
    descriptors: [Arc<Descriptor>; 4],
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            since: SystemTime::now(),
            requests: Default::default(),
            in_flight: AtomicU64::default(),
            refused: Default::default(),
            evicted: AtomicU64::default(),
            descriptors: descriptors().map(Arc::new),
        }
    }
}

impl Counters {
    /// The counters as metrics. At most 52 series.
    pub fn families(&self) -> Vec<Arc<Family>> {
        let [requests, in_flight, refused, evicted] = self.descriptors.clone();
        [
            Family {
                descriptor: requests,
                series: self.request_series(),
            },
            Family {
                descriptor: in_flight,
                series: vec![Series {
                    labels: Vec::new(),
                    since: self.since,
                    value: Value::Gauge(self.in_flight.load(Relaxed) as f64),
                }],
            },
            Family {
                descriptor: refused,
                series: REFUSALS
                    .iter()
                    .zip(&self.refused)
                    .map(|((_, reason), count)| self.counter(&[*reason], count.load(Relaxed)))
                    .collect(),
            },
            Family {
                descriptor: evicted,
                series: vec![self.counter(&[], self.evicted.load(Relaxed))],
            },
        ]
        .map(Arc::new)
        .into()
    }

    fn request_series(&self) -> Vec<Series> {
        let mut series = Vec::new();
        for ((route, handler), by_code) in ROUTES.iter().zip(&self.requests) {
            for ((_, code), count) in CODES.iter().zip(by_code) {
                let count = count.load(Relaxed);
                if count > 0 || (*route == Route::Metrics && FORESEEN.contains(code)) {
                    series.push(self.counter(&[*handler, *code], count));
                }
            }
        }
        series
    }

    fn counter(&self, labels: &[&str], count: u64) -> Series {
        Series {
            labels: labels.iter().map(|label| Arc::from(*label)).collect(),
            since: self.since,
            value: Value::Counter(Number::Integer(count)),
        }
    }

    pub(super) fn answered(&self, route: Route, status: StatusCode) {
        let route = ROUTES.iter().position(|(known, _)| *known == route);
        let code = CODES.iter().position(|(known, _)| *known == status);
        debug_assert!(code.is_some(), "{status} is not listed");
        if let (Some(route), Some(code)) = (route, code)
            && let Some(count) = self
                .requests
                .get(route)
                .and_then(|by_code| by_code.get(code))
        {
            count.fetch_add(1, Relaxed);
        }
    }

    pub(super) fn refused(&self, reason: Refusal) {
        let index = REFUSALS.iter().position(|(known, _)| *known == reason);
        if let Some(count) = index.and_then(|index| self.refused.get(index)) {
            count.fetch_add(1, Relaxed);
        }
    }

    pub(super) fn evicted(&self) {
        self.evicted.fetch_add(1, Relaxed);
    }

    /// Counts a scrape as in flight until the guard goes.
    pub(super) fn begin_scrape(self: &Arc<Self>) -> InFlight {
        self.in_flight.fetch_add(1, Relaxed);
        InFlight(Arc::clone(self))
    }
}

/// A scrape between its request and the last byte of its response.
#[derive(Debug)]
pub(super) struct InFlight(Arc<Counters>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Relaxed);
    }
}

/// The metrics that [`Counters::families`] gives.
pub fn descriptors() -> [Descriptor; 4] {
    let describe = |name: &str, kind, labels: &[&str], unit: &str, help: &str| Descriptor {
        name: format!("geophone_http_{name}"),
        help: help.to_owned(),
        kind,
        unit: Unit::None,
        labels: labels.iter().map(|label| (*label).to_owned()).collect(),
        module: None,
        otlp: OtlpName {
            name: format!(
                "geophone.http.{}",
                name.trim_end_matches("_total").replace('_', ".")
            ),
            unit: unit.to_owned(),
        },
        stability: Stability::Stable,
        classic: (0, 0),
    };
    [
        describe(
            "requests_total",
            Kind::Counter,
            &["handler", "code"],
            "{request}",
            "HTTP requests answered until the sweep that this page shows, by handler and status code.",
        ),
        describe(
            "requests_in_flight",
            Kind::Gauge,
            &[],
            "{request}",
            "Scrapes being served when the sweep that this page shows ended.",
        ),
        describe(
            "connections_refused_total",
            Kind::Counter,
            &["reason"],
            "{connection}",
            "Connections closed unserved because too many were open, each with a request in progress (limit), or the kernel could not hand them over (accept).",
        ),
        describe(
            "connections_evicted_total",
            Kind::Counter,
            &[],
            "{connection}",
            "Connections closed at the limit of open ones to make room for a new one: each had waited longest for a request, or for the rest of one.",
        ),
    ]
}
