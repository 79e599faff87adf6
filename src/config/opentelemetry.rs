//! OpenTelemetry's environment variables, as its specification of exporters and of SDKs has them.
//! Empty ones count as unset. All speak of the endpoint `default`.

use std::ffi::OsString;

use super::layer::{Input, Setting, Text};
use crate::document::{Node, Origin, Problems, Value};

/// How a variable's text becomes a key's.
#[derive(Debug, Clone, Copy)]
enum Take {
    AsIs,
    /// Spelled in any case.
    AnyCase,
    /// A number of milliseconds.
    Milliseconds,
    /// `otlp` or `none`, in a list that may name exporters of others.
    Exporter,
    /// A boolean that means its opposite here.
    Not,
}

use Take::{AnyCase, AsIs, Exporter, Milliseconds, Not};

/// Variables and keys below `otlp`, those that win last.
const TABLE: [(&str, &str, Take); 28] = [
    ("OTEL_SDK_DISABLED", "enabled", Not),
    ("OTEL_RESOURCE_ATTRIBUTES", "resource_attributes", AsIs),
    ("OTEL_SERVICE_NAME", "service_name", AsIs),
    ("OTEL_METRIC_EXPORT_INTERVAL", "interval", Milliseconds),
    ("OTEL_METRIC_EXPORT_TIMEOUT", "export_timeout", Milliseconds),
    (
        "OTEL_METRICS_EXPORTER",
        "endpoints.default.enabled",
        Exporter,
    ),
    ("OTEL_LOGS_EXPORTER", "endpoints.default.logs", Exporter),
    ("OTEL_TRACES_EXPORTER", "endpoints.default.traces", Exporter),
    (
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "endpoints.default.endpoint",
        AsIs,
    ),
    (
        "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
        "endpoints.default.metrics_endpoint",
        AsIs,
    ),
    (
        "OTEL_EXPORTER_OTLP_PROTOCOL",
        "endpoints.default.protocol",
        AnyCase,
    ),
    (
        "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL",
        "endpoints.default.protocol",
        AnyCase,
    ),
    (
        "OTEL_EXPORTER_OTLP_HEADERS",
        "endpoints.default.headers",
        AsIs,
    ),
    (
        "OTEL_EXPORTER_OTLP_METRICS_HEADERS",
        "endpoints.default.headers",
        AsIs,
    ),
    (
        "OTEL_EXPORTER_OTLP_COMPRESSION",
        "endpoints.default.compression",
        AnyCase,
    ),
    (
        "OTEL_EXPORTER_OTLP_METRICS_COMPRESSION",
        "endpoints.default.compression",
        AnyCase,
    ),
    (
        "OTEL_EXPORTER_OTLP_TIMEOUT",
        "endpoints.default.timeout",
        Milliseconds,
    ),
    (
        "OTEL_EXPORTER_OTLP_METRICS_TIMEOUT",
        "endpoints.default.timeout",
        Milliseconds,
    ),
    (
        "OTEL_EXPORTER_OTLP_CERTIFICATE",
        "endpoints.default.certificate",
        AsIs,
    ),
    (
        "OTEL_EXPORTER_OTLP_METRICS_CERTIFICATE",
        "endpoints.default.certificate",
        AsIs,
    ),
    (
        "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE",
        "endpoints.default.client_certificate",
        AsIs,
    ),
    (
        "OTEL_EXPORTER_OTLP_METRICS_CLIENT_CERTIFICATE",
        "endpoints.default.client_certificate",
        AsIs,
    ),
    (
        "OTEL_EXPORTER_OTLP_CLIENT_KEY",
        "endpoints.default.client_key",
        AsIs,
    ),
    (
        "OTEL_EXPORTER_OTLP_METRICS_CLIENT_KEY",
        "endpoints.default.client_key",
        AsIs,
    ),
    (
        "OTEL_EXPORTER_OTLP_INSECURE",
        "endpoints.default.insecure",
        AnyCase,
    ),
    (
        "OTEL_EXPORTER_OTLP_METRICS_INSECURE",
        "endpoints.default.insecure",
        AnyCase,
    ),
    (
        "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE",
        "endpoints.default.temporality",
        AnyCase,
    ),
    (
        "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION",
        "endpoints.default.histograms",
        AnyCase,
    ),
];

/// The settings in the environment, each key once.
pub(super) fn settings(environment: &[(OsString, OsString)], problems: &Problems) -> Vec<Setting> {
    let mut settings: Vec<Setting> = Vec::new();
    for (name, key, take) in TABLE {
        let Some((_, value)) = environment.iter().find(|(known, _)| known == name) else {
            continue;
        };
        let origin = Origin::Variable(name.to_owned());
        let Some(value) = value.to_str().map(str::trim) else {
            problems.add(&origin, "the value is not valid UTF-8");
            continue;
        };
        if value.is_empty() {
            continue;
        }
        match take.apply(value) {
            Ok(taken) => {
                let Some(input) = taken.at(&origin) else {
                    continue;
                };
                let path = format!("otlp.{key}");
                settings.retain(|other| other.path != path);
                settings.push(Setting {
                    path,
                    origin,
                    input,
                });
            }
            Err(what) => problems.add(&origin, what),
        }
    }
    settings
}

/// Text, or a value whose type is known.
enum Taken {
    Nothing,
    Text(String),
    Value(Value),
}

impl Taken {
    fn boolean(value: bool) -> Self {
        Self::Value(Value::Boolean(value))
    }

    fn at(self, origin: &Origin) -> Option<Input> {
        Some(match self {
            Self::Nothing => return None,
            Self::Text(text) => Input::Text(Text::One(text)),
            Self::Value(value) => Input::Node(Node {
                origin: origin.clone(),
                value,
            }),
        })
    }
}

impl Take {
    fn apply(self, value: &str) -> Result<Taken, String> {
        match self {
            Self::AsIs => Ok(Taken::Text(value.to_owned())),
            Self::AnyCase => Ok(Taken::Text(value.to_lowercase())),
            Self::Milliseconds => match value.parse::<u64>() {
                Ok(number) => Ok(Taken::Text(format!("{number}ms"))),
                Err(_) => Err(format!("must be a number of milliseconds, found {value:?}")),
            },
            Self::Exporter => Ok(exporter(value).map_or(Taken::Nothing, Taken::boolean)),
            // Whatever is not true means false, says the specification.
            Self::Not => {
                let is_true = value.eq_ignore_ascii_case("true");
                Ok(Taken::boolean(!is_true))
            }
        }
    }
}

/// What says nothing of OTLP says nothing to us: Prometheus is served anyway.
fn exporter(value: &str) -> Option<bool> {
    let mut words = value.split(',').map(str::trim);
    if words.clone().any(|word| word == "otlp") {
        return Some(true);
    }
    words.any(|word| word == "none").then_some(false)
}
