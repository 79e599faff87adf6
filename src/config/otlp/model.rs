use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;

use crate::export::otlp::{HistogramAggregation, Temporality};

/// What is pushed over OTLP, and where to.
#[derive(Debug, Clone, PartialEq)]
pub struct Otlp {
    /// False pushes nothing, whatever endpoints are named.
    pub enabled: bool,
    pub interval: Duration,
    /// How long one export may take: the snapshot, then each of its requests once.
    pub export_timeout: Duration,
    /// How long the last export may take when the daemon stops.
    pub flush_timeout: Duration,
    /// Snapshots that wait while an endpoint does not answer.
    pub queue_size: usize,
    /// Larger exports are split.
    pub max_request_bytes: usize,
    pub service_name: String,
    pub resource_attributes: Vec<(String, String)>,
    /// Those to push to, by name.
    pub endpoints: BTreeMap<String, OtlpEndpoint>,
}

/// One receiver.
#[derive(Debug, Clone, PartialEq)]
pub struct OtlpEndpoint {
    pub protocol: OtlpProtocol,
    /// With scheme; over gRPC without a path.
    pub metrics_url: String,
    pub logs_url: String,
    pub traces_url: String,
    pub headers: Vec<Header>,
    pub compression: Compression,
    /// Of one request.
    pub timeout: Duration,
    /// PEM files.
    pub certificate: Option<PathBuf>,
    pub client_certificate: Option<PathBuf>,
    pub client_key: Option<PathBuf>,
    pub temporality: Temporality,
    pub histograms: HistogramAggregation,
    /// Whether Geophone's own log messages are sent there.
    pub logs: bool,
    /// Whether Geophone's own spans are sent there.
    pub traces: bool,
}

impl OtlpEndpoint {
    /// What every request carries.
    pub fn header_map(&self) -> HeaderMap {
        let headers = self.headers.iter();
        headers
            .map(|header| (header.name.clone(), header.value.clone()))
            .collect()
    }

    /// Where metrics are pushed to, for people to read: without a query, which may hold a secret.
    pub fn shown_url(&self) -> &str {
        self.metrics_url
            .split_once('?')
            .map_or(&*self.metrics_url, |(url, _)| url)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum OtlpProtocol {
    #[serde(rename = "http/protobuf")]
    HttpProtobuf,
    #[serde(rename = "grpc")]
    Grpc,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    None,
    Gzip,
}

/// A header of every request. Its value may be a secret, and is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Header {
    pub name: HeaderName,
    pub value: HeaderValue,
}

impl fmt::Debug for Header {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}=…", self.name)
    }
}
