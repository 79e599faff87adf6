//! The push: whose word counts.

use std::path::Path;

use super::super::{Compression, Otlp, OtlpEndpoint, OtlpProtocol};
use super::otlp::{headers, otlp};

/// A key that the specification has variables for: what a file, the generic variable, the one of
/// metrics and Geophone's own make of it, each in the presence of those before.
struct Case {
    key: &'static str,
    generic: &'static str,
    metrics: &'static str,
    values: [&'static str; 4],
    shown: fn(&OtlpEndpoint) -> String,
}

fn path(path: Option<&Path>) -> String {
    path.unwrap_or(Path::new("")).display().to_string()
}

/// Those of the endpoint that have both forms. Text where they take text, so that a file's value
/// can be written within quotes.
fn cases() -> [Case; 6] {
    let case = |key, generic, metrics, values, shown| Case {
        key,
        generic,
        metrics,
        values,
        shown,
    };
    let certificate = |endpoint: &OtlpEndpoint| path(endpoint.certificate.as_deref());
    [
        case(
            "protocol",
            "OTEL_EXPORTER_OTLP_PROTOCOL",
            "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL",
            ["grpc", "http/protobuf", "grpc", "http/protobuf"],
            |endpoint| match endpoint.protocol {
                OtlpProtocol::Grpc => "grpc".into(),
                OtlpProtocol::HttpProtobuf => "http/protobuf".into(),
            },
        ),
        case(
            "compression",
            "OTEL_EXPORTER_OTLP_COMPRESSION",
            "OTEL_EXPORTER_OTLP_METRICS_COMPRESSION",
            ["none", "gzip", "none", "gzip"],
            |endpoint| match endpoint.compression {
                Compression::None => "none".into(),
                Compression::Gzip => "gzip".into(),
            },
        ),
        case(
            "certificate",
            "OTEL_EXPORTER_OTLP_CERTIFICATE",
            "OTEL_EXPORTER_OTLP_METRICS_CERTIFICATE",
            ["/a", "/b", "/c", "/d"],
            certificate,
        ),
        case(
            "timeout",
            "OTEL_EXPORTER_OTLP_TIMEOUT",
            "OTEL_EXPORTER_OTLP_METRICS_TIMEOUT",
            ["1s", "2000", "3000", "4s"],
            |endpoint| format!("{:?}", endpoint.timeout),
        ),
        case(
            "endpoint",
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
            ["http://a", "http://b", "http://c", "http://d"],
            |endpoint| endpoint.metrics_url.clone(),
        ),
        case(
            "headers",
            "OTEL_EXPORTER_OTLP_HEADERS",
            "OTEL_EXPORTER_OTLP_METRICS_HEADERS",
            ["x=a", "x=b", "x=c%20d,y=e", "x=f"],
            headers,
        ),
    ]
}

#[test]
fn the_file_gives_way_to_variables_and_the_general_to_the_particular() {
    for case in cases() {
        let Case {
            key,
            generic,
            metrics,
            values: [a, b, c, d],
            shown,
        } = case;
        let own = format!("GEOPHONE_OTLP__ENDPOINTS__DEFAULT__{}", key.to_uppercase());
        let value = if key == "headers" {
            format!("[\"{a}\"]")
        } else {
            format!("\"{a}\"")
        };
        let file = format!(
            "[otlp.endpoints.default]\n{}{key} = {value}\n",
            if key == "endpoint" {
                ""
            } else {
                "endpoint = \"http://h\"\n"
            }
        );
        let of = |file: &str, variables: &[(&str, &str)]| {
            let endpoint = otlp(file, variables, &[])
                .endpoints
                .remove("default")
                .unwrap();
            shown(&endpoint)
        };
        let seconds = |text: &str| {
            text.trim_end_matches("000")
                .trim_end_matches('s')
                .to_owned()
        };
        let expected = |text: &str, is_exact: bool| match key {
            "timeout" => format!("{}s", seconds(text)),
            "endpoint" if is_exact => text.to_owned(),
            "endpoint" => format!("{text}/v1/metrics"),
            "headers" => text.replace("%20", " "),
            _ => text.to_owned(),
        };
        assert_eq!(of(&file, &[]), expected(a, false), "{key} of the file");
        assert_eq!(of(&file, &[(generic, b)]), expected(b, false), "{generic}");
        let both = [(generic, b), (metrics, c)];
        assert_eq!(of(&file, &both), expected(c, true), "{metrics}");
        assert_eq!(of(&file, &[(metrics, c), (generic, "")]), expected(c, true));
        // As the variable of metrics, its own is of the URL that is used as it is.
        let own = own
            .replace("ENDPOINT", "METRICS_ENDPOINT")
            .replace("METRICS_ENDPOINTS", "ENDPOINTS");
        let all = [(generic, b), (metrics, c), (&*own, d)];
        assert_eq!(of(&file, &all), expected(d, true), "{own}");
    }
}

#[test]
fn flags_win_over_all() {
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://a"),
        ("GEOPHONE_OTLP__ENDPOINTS__DEFAULT__ENDPOINT", "http://b"),
        ("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "grpc"),
    ];
    let flags = [
        (
            "--otlp.endpoint",
            "otlp.endpoints.default.endpoint",
            "http://c",
        ),
        (
            "--otlp.protocol",
            "otlp.endpoints.default.protocol",
            "http/protobuf",
        ),
    ];
    let endpoint = &otlp("", &variables, &flags).endpoints["default"];
    assert_eq!(endpoint.metrics_url, "http://c/v1/metrics");
}

#[test]
fn who_names_an_endpoint_later_does_not_mean_an_earlier_one_of_metrics() {
    let metrics = ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://a");
    let own = ("GEOPHONE_OTLP__ENDPOINTS__DEFAULT__ENDPOINT", "http://b");
    let flag = (
        "--otlp.endpoint",
        "otlp.endpoints.default.endpoint",
        "http://c",
    );
    let url = |variables: &[(&str, &str)], flags: &[(&str, &str, &str)]| {
        let endpoints = otlp("", variables, flags).endpoints;
        endpoints["default"].metrics_url.clone()
    };
    assert_eq!(url(&[metrics], &[]), "http://a");
    assert_eq!(url(&[metrics, own], &[]), "http://b/v1/metrics");
    assert_eq!(url(&[metrics, own], &[flag]), "http://c/v1/metrics");
}

/// Keys that one variable sets: the key below `otlp`, the variable, and what the file, it and
/// Geophone's own say.
type Single = (
    &'static str,
    &'static str,
    [&'static str; 3],
    fn(&Otlp) -> String,
);

fn first(otlp: &Otlp) -> &OtlpEndpoint {
    &otlp.endpoints["default"]
}

fn singles() -> [Single; 9] {
    [
        (
            "interval",
            "OTEL_METRIC_EXPORT_INTERVAL",
            ["1s", "2000", "3s"],
            |otlp| otlp.interval.as_secs().to_string(),
        ),
        (
            "export_timeout",
            "OTEL_METRIC_EXPORT_TIMEOUT",
            ["1s", "2000", "3s"],
            |otlp| otlp.export_timeout.as_secs().to_string(),
        ),
        (
            "service_name",
            "OTEL_SERVICE_NAME",
            ["1", "2", "3"],
            |otlp| otlp.service_name.clone(),
        ),
        (
            "endpoints.default.client_certificate",
            "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE",
            ["1", "2", "3"],
            |otlp| path(first(otlp).client_certificate.as_deref()),
        ),
        (
            "endpoints.default.client_certificate",
            "OTEL_EXPORTER_OTLP_METRICS_CLIENT_CERTIFICATE",
            ["1", "2", "3"],
            |otlp| path(first(otlp).client_certificate.as_deref()),
        ),
        (
            "endpoints.default.client_key",
            "OTEL_EXPORTER_OTLP_CLIENT_KEY",
            ["1", "2", "3"],
            |otlp| path(first(otlp).client_key.as_deref()),
        ),
        (
            "endpoints.default.client_key",
            "OTEL_EXPORTER_OTLP_METRICS_CLIENT_KEY",
            ["1", "2", "3"],
            |otlp| path(first(otlp).client_key.as_deref()),
        ),
        (
            "endpoints.default.temporality",
            "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE",
            ["cumulative", "delta", "lowmemory"],
            |otlp| match format!("{:?}", first(otlp).temporality).as_str() {
                "Cumulative" => "1".into(),
                "Delta" => "2".into(),
                _ => "3".into(),
            },
        ),
        (
            "endpoints.default.certificate",
            "OTEL_EXPORTER_OTLP_CERTIFICATE",
            ["1", "2", "3"],
            |otlp| path(first(otlp).certificate.as_deref()),
        ),
    ]
}

#[test]
fn keys_with_one_variable_follow_the_same_order() {
    for (key, variable, [file, theirs, own], shown) in singles() {
        let both =
            "endpoints.default.client_certificate = \"0\"\nendpoints.default.client_key = \"0\"\n";
        let both = both.lines().filter(|line| !line.starts_with(key));
        let both: Vec<&str> = both.collect();
        let text = format!(
            "[otlp]\nendpoints.default.endpoint = \"http://h\"\n{}\n{key} = \"{file}\"\n",
            both.join("\n")
        );
        let name = format!("GEOPHONE_OTLP__{}", key.replace('.', "__").to_uppercase());
        let of = |variables: &[(&str, &str)]| shown(&otlp(&text, variables, &[]));
        assert_eq!(of(&[]), "1", "{key}");
        assert_eq!(of(&[(variable, theirs)]), "2", "{variable}");
        assert_eq!(of(&[(variable, theirs), (&name, own)]), "3", "{name}");
    }
}

#[test]
fn the_service_is_called_as_the_later_layer_says() {
    let attributes = ("OTEL_RESOURCE_ATTRIBUTES", "service.name=b");
    let name = |file: &str, variables: &[(&str, &str)]| otlp(file, variables, &[]).service_name;
    let file = "[otlp]\nservice_name = \"a\"\n";
    assert_eq!(name(file, &[]), "a");
    assert_eq!(name(file, &[attributes]), "b");
    assert_eq!(name(file, &[attributes, ("OTEL_SERVICE_NAME", "c")]), "c");
    let both = "[otlp]\nservice_name = \"a\"\nresource_attributes = [\"service.name=z\"]\n";
    assert_eq!(name(both, &[]), "a");
}
