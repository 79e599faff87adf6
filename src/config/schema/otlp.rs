use std::time::Duration;

use super::Key;
use super::base::{HOUR, text};
use crate::config::Form;
use crate::config::otlp::DEFAULT;
use crate::document::Value;

/// The keys of `[otlp]`.
pub(super) fn otlp() -> Vec<Key> {
    vec![
        Key::new(
            "otlp.enabled",
            Form::Boolean,
            Value::Boolean(true),
            "Whether to push to the endpoints that are named below",
        )
        .details(&[
            "OpenTelemetry's variables, such as OTEL_EXPORTER_OTLP_ENDPOINT, set the keys of",
            "[otlp] and of [otlp.endpoints.default] that mean the same; GEOPHONE_* win over them.",
        ]),
        Key::new(
            "otlp.interval",
            Form::Duration {
                min: Duration::from_secs(1),
                max: HOUR,
            },
            text("60s"),
            "Time between exports",
        ),
        Key::new(
            "otlp.export_timeout",
            Form::Duration {
                min: Duration::from_millis(100),
                max: HOUR,
            },
            text("30s"),
            "How long an export may take: the sweep, then each of its requests once",
        ),
        Key::new(
            "otlp.flush_timeout",
            Form::Duration {
                min: Duration::ZERO,
                max: Duration::from_mins(1),
            },
            text("3s"),
            "How long the last export may take when the daemon stops; \"0s\" for none",
        ),
        Key::new(
            "otlp.queue_size",
            Form::Integer { min: 1, max: 1000 },
            Value::Integer(5),
            "Snapshots that wait for an endpoint; the newest take the place of the oldest",
        ),
        Key::new(
            "otlp.max_request_bytes",
            Form::Integer {
                min: 1 << 16,
                max: 1 << 26,
            },
            Value::Integer(4 << 20),
            "Size of a request before compression; larger exports are split",
        )
        .details(&["Receivers over gRPC refuse more than 4 MiB unless told otherwise."]),
        Key::new(
            "otlp.service_name",
            Form::Text,
            text("geophone"),
            "Resource attribute service.name",
        ),
        Key::new(
            "otlp.resource_attributes",
            Form::Pairs,
            Value::Array(vec![]),
            "Further resource attributes, \"name=value\", which win over those found out",
        ),
    ]
}

/// The keys of one endpoint's section, `[otlp.endpoints.NAME]`.
pub fn otlp_endpoint(name: &str) -> Vec<Key> {
    let section = Endpoint(name);
    [section.place(), section.delivery(), section.form()].concat()
}

/// One endpoint, by its name.
struct Endpoint<'a>(&'a str);

impl Endpoint<'_> {
    fn key(&self, key: &str, form: Form, default: Value, summary: &str) -> Key {
        let path = format!("otlp.endpoints.{}.{key}", self.0);
        Key::new(&path, form, default, summary)
    }

    fn text(&self, key: &str, summary: &str) -> Key {
        self.key(key, Form::Text, text(""), summary)
    }

    fn file(&self, key: &str, summary: &str) -> Key {
        self.key(key, Form::Path, text(""), summary)
    }

    fn off(&self, key: &str, summary: &str) -> Key {
        self.key(key, Form::Boolean, Value::Boolean(false), summary)
    }

    /// The flag of a key, which the default endpoint alone has.
    fn flagged(&self, key: Key, flag: &'static str, value: &'static str) -> Key {
        if self.0 == DEFAULT {
            key.flag(flag, value)
        } else {
            key
        }
    }

    /// Where it is.
    fn place(&self) -> Vec<Key> {
        let endpoint = self.text("endpoint", "URL of the collector; empty: none");
        let protocol = self.key(
            "protocol",
            Form::Choice(&["http/protobuf", "grpc"]),
            text("http/protobuf"),
            "How to speak to the endpoint",
        );
        vec![
            self.key(
                "enabled",
                Form::Enabled,
                text("auto"),
                "true: push, to the protocol's port of localhost unless an endpoint is named",
            )
            .details(&["false: do not; \"auto\": if an endpoint is named."]),
            self.flagged(endpoint, "otlp.endpoint", "URL")
                .details(&["Over HTTP v1/metrics is appended to it; over gRPC it has no path."]),
            self.text(
                "metrics_endpoint",
                "URL for metrics, used as it is, instead of the one above",
            ),
            self.flagged(protocol, "otlp.protocol", "PROTOCOL"),
        ]
    }

    /// How requests go there.
    fn delivery(&self) -> Vec<Key> {
        vec![
            self.key(
                "headers",
                Form::Pairs,
                Value::Array(vec![]),
                "Headers of every request, \"name=value\", values percent-encoded",
            ),
            self.key(
                "compression",
                Form::Choice(&["gzip", "none"]),
                text("gzip"),
                "Compression of requests",
            ),
            self.key(
                "timeout",
                Form::Duration {
                    min: Duration::from_millis(10),
                    max: HOUR,
                },
                text("10s"),
                "How long the endpoint may take to answer a request",
            ),
            self.file(
                "certificate",
                "PEM file of the authorities to believe; empty: the system's",
            ),
            self.file(
                "client_certificate",
                "PEM file of our certificate; empty: none",
            ),
            self.file("client_key", "PEM file of its key"),
            self.off(
                "insecure",
                "Whether gRPC goes without TLS where the URL has no scheme",
            ),
        ]
    }

    /// What is sent there.
    fn form(&self) -> Vec<Key> {
        vec![
            self.key(
                "temporality",
                Form::Choice(&["cumulative", "delta", "lowmemory"]),
                text("cumulative"),
                "Whether totals are sent, or what was added; lowmemory: of histograms alone",
            ),
            self.key(
                "histograms",
                Form::Choice(&[
                    "base2_exponential_bucket_histogram",
                    "explicit_bucket_histogram",
                ]),
                text("base2_exponential_bucket_histogram"),
                "Which buckets histograms have: all that are counted, or powers of two",
            ),
            self.off("logs", "Whether to send Geophone's own log there, too"),
            self.off("traces", "Whether to send Geophone's own spans there, too"),
        ]
    }
}
