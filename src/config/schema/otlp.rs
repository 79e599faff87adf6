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
    let key = |key: &str, form, default, summary: &str| {
        Key::new(
            &format!("otlp.endpoints.{name}.{key}"),
            form,
            default,
            summary,
        )
    };
    let flag = |it: Key, flag, value| {
        if name == DEFAULT {
            it.flag(flag, value)
        } else {
            it
        }
    };
    let file = |name: &str, summary| key(name, Form::Path, text(""), summary);
    let off = || Value::Boolean(false);
    vec![
        key(
            "enabled",
            Form::Enabled,
            text("auto"),
            "true: push, to the protocol's port of localhost unless an endpoint is named",
        )
        .details(&["false: do not; \"auto\": if an endpoint is named."]),
        flag(
            key(
                "endpoint",
                Form::Text,
                text(""),
                "URL of the collector; empty: none",
            ),
            "otlp.endpoint",
            "URL",
        )
        .details(&["Over HTTP v1/metrics is appended to it; over gRPC it has no path."]),
        key(
            "metrics_endpoint",
            Form::Text,
            text(""),
            "URL for metrics, used as it is, instead of the one above",
        ),
        flag(
            key(
                "protocol",
                Form::Choice(&["http/protobuf", "grpc"]),
                text("http/protobuf"),
                "How to speak to the endpoint",
            ),
            "otlp.protocol",
            "PROTOCOL",
        ),
        key(
            "headers",
            Form::Pairs,
            Value::Array(vec![]),
            "Headers of every request, \"name=value\", values percent-encoded",
        ),
        key(
            "compression",
            Form::Choice(&["gzip", "none"]),
            text("gzip"),
            "Compression of requests",
        ),
        key(
            "timeout",
            Form::Duration {
                min: Duration::from_millis(10),
                max: HOUR,
            },
            text("10s"),
            "How long the endpoint may take to answer a request",
        ),
        file(
            "certificate",
            "PEM file of the authorities to believe; empty: the system's",
        ),
        file(
            "client_certificate",
            "PEM file of our certificate; empty: none",
        ),
        file("client_key", "PEM file of its key"),
        key(
            "insecure",
            Form::Boolean,
            off(),
            "Whether gRPC goes without TLS where the URL has no scheme",
        ),
        key(
            "temporality",
            Form::Choice(&["cumulative", "delta", "lowmemory"]),
            text("cumulative"),
            "Whether totals are sent, or what was added; lowmemory: of histograms alone",
        ),
        key(
            "histograms",
            Form::Choice(&[
                "base2_exponential_bucket_histogram",
                "explicit_bucket_histogram",
            ]),
            text("base2_exponential_bucket_histogram"),
            "Which buckets histograms have: all that are counted, or powers of two",
        ),
        key(
            "logs",
            Form::Boolean,
            off(),
            "Whether to send Geophone's own log there, too",
        ),
        key(
            "traces",
            Form::Boolean,
            off(),
            "Whether to send Geophone's own spans there, too",
        ),
    ]
}
