use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use http::{HeaderName, HeaderValue};

use super::super::load::Merged;
use super::pairs::split;
use super::{DEFAULT, Header, Otlp, OtlpEndpoint, OtlpProtocol, url};
use crate::document::{Origin, Problems};

/// Headers that say how a request is to be read.
const OURS: [&str; 8] = [
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "host",
    "te",
    "transfer-encoding",
    "user-agent",
];

/// What the layers come to. `names` are those of all endpoints that somebody speaks of, and
/// where.
pub fn read(merged: &Merged, names: &[(String, Origin)], problems: &Problems) -> Otlp {
    let pairs: Vec<String> = merged.get("otlp.resource_attributes").unwrap_or_default();
    let mut attributes: Vec<(String, String)> =
        pairs.iter().filter_map(|pair| split(pair).ok()).collect();
    let mut service_name: String = merged.get("otlp.service_name").unwrap_or_default();
    let is_service_name = |(name, _): &(String, String)| name == "service.name";
    if let Some(at) = attributes.iter().position(is_service_name) {
        let (_, value) = attributes.remove(at);
        let rank = |key| merged.rank(key);
        if rank("otlp.resource_attributes") > rank("otlp.service_name") {
            service_name = value;
        }
    }
    let integer = |path: &str| merged.get::<usize>(path).unwrap_or(usize::MAX);
    let endpoints = names.iter().filter_map(|(name, origin)| {
        let section = Section {
            merged,
            name,
            origin,
        };
        Some((name.clone(), section.endpoint(problems)?))
    });
    Otlp {
        enabled: merged.get("otlp.enabled").unwrap_or_default(),
        interval: duration(merged, "otlp.interval"),
        export_timeout: duration(merged, "otlp.export_timeout"),
        flush_timeout: duration(merged, "otlp.flush_timeout"),
        queue_size: integer("otlp.queue_size"),
        max_request_bytes: integer("otlp.max_request_bytes"),
        service_name,
        resource_attributes: attributes,
        endpoints: endpoints.collect::<BTreeMap<_, _>>(),
    }
}

/// Checked when its layer was.
fn duration(merged: &Merged, path: &str) -> Duration {
    let text: String = merged.get(path).unwrap_or_default();
    humantime::parse_duration(&text).unwrap_or_default()
}

/// The section of one endpoint.
struct Section<'a> {
    merged: &'a Merged,
    name: &'a str,
    /// Where it is spoken of first.
    origin: &'a Origin,
}

impl Section<'_> {
    fn path(&self, key: &str) -> String {
        format!("otlp.endpoints.{}.{key}", self.name)
    }

    fn text(&self, key: &str) -> String {
        self.merged.get(&self.path(key)).unwrap_or_default()
    }

    fn is_on(&self, key: &str) -> bool {
        self.merged.get(&self.path(key)).unwrap_or_default()
    }

    fn file(&self, key: &str) -> Option<PathBuf> {
        Some(self.text(key))
            .filter(|path| !path.is_empty())
            .map(PathBuf::from)
    }

    fn mistake(&self, problems: &Problems, key: &str, what: &str) {
        let path = self.path(key);
        problems.add(&self.merged.origin(&path), format!("{path} {what}"));
    }

    /// None if nothing shall be pushed there.
    fn endpoint(&self, problems: &Problems) -> Option<OtlpEndpoint> {
        let protocol = self
            .choice("protocol")
            .unwrap_or(OtlpProtocol::HttpProtobuf);
        let (base, mut metrics) = (self.text("endpoint"), self.text("metrics_endpoint"));
        // Who names an endpoint on the command line does not mean one of the environment.
        let rank = |key| self.merged.rank(&self.path(key));
        if !base.is_empty() && rank("endpoint") > rank("metrics_endpoint") {
            metrics.clear();
        }
        let is_named = !base.is_empty() || !metrics.is_empty();
        match (&*self.text("enabled"), is_named) {
            ("false", _) => return None,
            ("true", _) | (_, true) => {}
            _ if self.name == DEFAULT => return None,
            _ => {
                let what = "must name where to push to, or enabled be true or false";
                let (path, section) = (self.path("endpoint"), self.path(""));
                let place = match self.merged.origin_below(&section) {
                    // Nothing is in it, or nothing that is right.
                    Origin::Default => self.origin.clone(),
                    place => place,
                };
                problems.add(&place, format!("{path} {what}"));
                return None;
            }
        }
        let base = if is_named {
            base
        } else {
            url::of_protocol(protocol).to_owned()
        };
        let insecure = self.is_on("insecure");
        let resolve = |signal: &str| match url::below(&base, signal, protocol, insecure) {
            Ok(url) => url,
            Err(what) => {
                if !base.is_empty() {
                    self.mistake(problems, "endpoint", &what);
                }
                String::new()
            }
        };
        let metrics_url = match url::exact(&metrics, protocol, insecure) {
            _ if metrics.is_empty() => resolve("metrics"),
            Ok(url) => url,
            Err(what) => {
                self.mistake(problems, "metrics_endpoint", &what);
                String::new()
            }
        };
        for key in ["logs", "traces"] {
            if self.is_on(key) && base.is_empty() {
                let endpoint = self.path("endpoint");
                self.mistake(problems, key, &format!("needs {endpoint}, which is empty"));
            }
        }
        let [client_certificate, client_key] = ["client_certificate", "client_key"];
        for (one, other) in [
            (client_certificate, client_key),
            (client_key, client_certificate),
        ] {
            if self.file(one).is_some() && self.file(other).is_none() {
                let other = self.path(other);
                self.mistake(problems, one, &format!("needs {other}, which is empty"));
            }
        }
        Some(OtlpEndpoint {
            protocol,
            logs_url: resolve("logs"),
            traces_url: resolve("traces"),
            metrics_url,
            headers: self.headers(problems),
            compression: self.choice("compression")?,
            timeout: duration(self.merged, &self.path("timeout")),
            certificate: self.file("certificate"),
            client_certificate: self.file(client_certificate),
            client_key: self.file(client_key),
            temporality: self.choice("temporality").unwrap_or_default(),
            histograms: self.choice("histograms").unwrap_or_default(),
            logs: self.is_on("logs"),
            traces: self.is_on("traces"),
        })
    }

    fn choice<'de, T: serde::Deserialize<'de>>(&self, key: &str) -> Option<T> {
        self.merged.get(&self.path(key))
    }

    fn headers(&self, problems: &Problems) -> Vec<Header> {
        let pairs: Vec<String> = self.merged.get(&self.path("headers")).unwrap_or_default();
        let mut headers: Vec<Header> = Vec::with_capacity(pairs.len());
        for (number, pair) in (1..).zip(&pairs) {
            let Ok((name, value)) = split(pair) else {
                continue;
            };
            let parsed = (HeaderName::try_from(&name), HeaderValue::try_from(value));
            let (Ok(name), Ok(mut value)) = parsed else {
                let what = format!("holds as item {number} one that no HTTP header can be");
                self.mistake(problems, "headers", &what);
                continue;
            };
            if OURS.contains(&name.as_str()) || name.as_str().starts_with("grpc-") {
                let what = format!("holds as item {number} {name}, which the protocol sets");
                self.mistake(problems, "headers", &what);
                continue;
            }
            if headers.iter().any(|header| header.name == name) {
                let what =
                    format!("holds as item {number} a name that it has already, in any case");
                self.mistake(problems, "headers", &what);
                continue;
            }
            value.set_sensitive(true);
            headers.push(Header { name, value });
        }
        headers
    }
}
