//! The push: whose word counts, and what is a mistake.

use std::path::Path;
use std::time::Duration;

use super::super::{Compression, Otlp, OtlpEndpoint, OtlpProtocol};
use super::load;
use crate::export::otlp::{HistogramAggregation, Temporality};

fn otlp(file: &str, variables: &[(&str, &str)], flags: &[(&str, &str, &str)]) -> Otlp {
    load(file, variables, flags).unwrap().config.otlp
}

/// The endpoint `default`, which is named by the last layer of all so that it is there.
fn endpoint(file: &str, variables: &[(&str, &str)]) -> OtlpEndpoint {
    let flags = [(
        "--otlp.endpoint",
        "otlp.endpoints.default.endpoint",
        "http://h",
    )];
    otlp(file, variables, &flags)
        .endpoints
        .remove("default")
        .unwrap()
}

#[test]
fn nothing_is_pushed_unless_somebody_says_so() {
    assert!(otlp("", &[], &[]).endpoints.is_empty());
    for (variable, value) in [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", ""),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_METRICS_EXPORTER", "none"),
        ("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "http://h:1"),
        ("OTEL_TRACES_EXPORTER", "otlp"),
    ] {
        assert!(
            otlp("", &[(variable, value)], &[]).endpoints.is_empty(),
            "{variable}"
        );
    }
}

#[test]
fn urls_are_made_as_the_specification_says() {
    let url = |variables: &[(&str, &str)]| {
        let endpoints = otlp("", variables, &[]).endpoints;
        endpoints["default"].metrics_url.clone()
    };
    let (base, metrics) = (
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
    );
    let grpc = ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");
    let insecure = ("OTEL_EXPORTER_OTLP_INSECURE", "True");
    let push = ("OTEL_METRICS_EXPORTER", "otlp");
    for (variables, expected) in [
        (vec![(base, "http://h:4318")], "http://h:4318/v1/metrics"),
        (vec![(base, "http://h:4318/")], "http://h:4318/v1/metrics"),
        (vec![(base, "https://h/a/b/")], "https://h/a/b/v1/metrics"),
        (vec![(metrics, "http://h:4318")], "http://h:4318"),
        (vec![(metrics, "http://h/x?y=z")], "http://h/x?y=z"),
        (
            vec![(base, "http://b"), (metrics, "http://h/x")],
            "http://h/x",
        ),
        (vec![(base, "http://h:4317"), grpc], "http://h:4317"),
        (vec![(base, "https://h:4317/"), grpc], "https://h:4317"),
        (vec![(base, "h:4317"), grpc], "https://h:4317"),
        (vec![(base, "h:4317"), grpc, insecure], "http://h:4317"),
        (
            vec![(base, "https://h:4317"), grpc, insecure],
            "https://h:4317",
        ),
        (vec![push], "http://localhost:4318/v1/metrics"),
        (vec![push, grpc], "http://localhost:4317"),
        (vec![push, (base, "http://h")], "http://h/v1/metrics"),
    ] {
        assert_eq!(url(&variables), expected, "{variables:?}");
    }
    let endpoint = &otlp("", &[(base, "http://h/a")], &[]).endpoints["default"];
    assert_eq!(endpoint.logs_url, "http://h/a/v1/logs");
    assert_eq!(endpoint.traces_url, "http://h/a/v1/traces");
}

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

fn headers(endpoint: &OtlpEndpoint) -> String {
    let headers = endpoint.headers.iter();
    let headers = headers.map(|it| format!("{}={}", it.name, it.value.to_str().unwrap()));
    headers.collect::<Vec<_>>().join(",")
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
fn variables_of_the_sdk_are_understood() {
    let file = "[otlp]\ninterval = \"5s\"\nservice_name = \"file\"\n";
    let variables = [
        ("OTEL_METRIC_EXPORT_INTERVAL", "10000"),
        ("OTEL_METRIC_EXPORT_TIMEOUT", "2500"),
        ("OTEL_SERVICE_NAME", "name"),
        ("OTEL_RESOURCE_ATTRIBUTES", "service.name=other,a=b%2Cc"),
    ];
    let found = otlp(file, &variables, &[]);
    assert_eq!(found.interval, Duration::from_secs(10));
    assert_eq!(found.export_timeout, Duration::from_millis(2500));
    assert_eq!(found.service_name, "name");
    assert_eq!(
        found.resource_attributes,
        [("a".to_owned(), "b,c".to_owned())]
    );
    let found = otlp(
        "",
        &[("OTEL_RESOURCE_ATTRIBUTES", "service.name=other")],
        &[],
    );
    assert_eq!(found.service_name, "other");
    assert!(otlp("", &[("OTEL_SDK_DISABLED", "false")], &[]).enabled);
    assert!(!otlp("", &[("OTEL_SDK_DISABLED", "TRUE")], &[]).enabled);
    let preference = (
        "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE",
        "LowMemory",
    );
    let aggregation = (
        "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION",
        "EXPLICIT_BUCKET_HISTOGRAM",
    );
    let found = endpoint("", &[preference, aggregation]);
    assert_eq!(found.temporality, Temporality::LowMemory);
    assert_eq!(found.histograms, HistogramAggregation::Explicit);
    let found = endpoint(
        "",
        &[
            ("OTEL_LOGS_EXPORTER", "otlp"),
            ("OTEL_TRACES_EXPORTER", "none"),
        ],
    );
    assert!(found.logs && !found.traces);
    let push = "[otlp.endpoints.default]\nendpoint = \"http://h\"\n";
    assert!(
        otlp(push, &[("OTEL_METRICS_EXPORTER", "none")], &[])
            .endpoints
            .is_empty()
    );
}

#[test]
fn endpoints_are_named_by_files_and_variables() {
    let file = "[otlp.endpoints.a-1]\nendpoint = \"http://a\"\nheaders = [\"k=secret\"]\n";
    let variables = [
        ("GEOPHONE_OTLP__ENDPOINTS__B_2__ENDPOINT", "http://b"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "token=secret"),
    ];
    let found = otlp(file, &variables, &[]).endpoints;
    assert_eq!(found.keys().collect::<Vec<_>>(), ["a-1", "b_2"]);
    assert_eq!(headers(&found["a-1"]), "k=secret");
    assert_eq!(headers(&found["b_2"]), "", "no token of another's");
    assert!(!format!("{found:?}").contains("secret"));
}

/// The mistakes of a file, of variables.
#[track_caller]
fn mistakes(file: &str, variables: &[(&str, &str)], expected: &[&str]) {
    let found = load(file, variables, &[]).expect_err("must be wrong");
    assert_eq!(found, expected, "of {file:?} and {variables:?}");
    assert!(!found.join("").contains("secret"), "{found:?}");
}

#[test]
fn mistakes_are_told_with_their_places() {
    let endpoint =
        |line: &str| format!("[otlp.endpoints.default]\nendpoint = \"http://h\"\n{line}\n");
    for (line, expected) in [
        (
            "protocol = \"http/json\"",
            "geophone.toml:3:12: otlp.endpoints.default.protocol must be one of \"http/protobuf\", \"grpc\", found the string \"http/json\"",
        ),
        (
            "headers = [\"a=b\", \"secret\"]",
            "geophone.toml:3:19: otlp.endpoints.default.headers holds as item 2 one without \"=\"; write name=value",
        ),
        (
            "headers = [\"=secret\"]",
            "geophone.toml:3:12: otlp.endpoints.default.headers holds as item 1 one without a name; write name=value",
        ),
        (
            "headers = [\"a=secret\", \"a=secret\"]",
            "geophone.toml:3:24: otlp.endpoints.default.headers holds \"a\" twice",
        ),
        (
            "headers = [\"a b=secret\"]",
            "geophone.toml:3:11: otlp.endpoints.default.headers holds as item 1 one that no HTTP header can be",
        ),
        (
            "headers = \"a=secret\"",
            "geophone.toml:3:11: otlp.endpoints.default.headers must be a list of texts, such as [\"name=value\"], found a string",
        ),
        (
            "client_key = \"/k\"",
            "geophone.toml:3:14: otlp.endpoints.default.client_key needs otlp.endpoints.default.client_certificate, which is empty",
        ),
        (
            "temporality = \"total\"",
            "geophone.toml:3:15: otlp.endpoints.default.temporality must be one of \"cumulative\", \"delta\", \"lowmemory\", found the string \"total\"",
        ),
        (
            "tiemout = \"1s\"",
            "geophone.toml:3:1: unknown key \"tiemout\" in [otlp.endpoints.default] (did you mean \"timeout\"?)",
        ),
    ] {
        mistakes(&endpoint(line), &[], &[expected]);
    }
    let named = "[otlp.endpoints.vendor]\ntimeout = \"1s\"\n";
    mistakes(
        named,
        &[],
        &[
            "default: otlp.endpoints.vendor.endpoint must name where to push to, or enabled be true or false",
        ],
    );
    mistakes(
        "[otlp]\nresource_attributes = [\"a\"]\n",
        &[],
        &[
            "geophone.toml:2:24: otlp.resource_attributes holds as item 1 one without \"=\"; write name=value",
        ],
    );
}

#[test]
fn urls_that_cannot_be_are_mistakes() {
    let name = "OTEL_EXPORTER_OTLP_ENDPOINT";
    let grpc = ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");
    for (url, protocol, expected) in [
        (
            "ftp://h",
            None,
            "must begin with http:// or https://, as http://localhost:4318",
        ),
        (
            "h:4318",
            None,
            "must begin with http:// or https://, as http://localhost:4318",
        ),
        (
            "http://u:secret@h",
            None,
            "must hold no user or password; use headers",
        ),
        ("http://h/#x", None, "must have no fragment (\"#\")"),
        (
            "http://h/?x=y",
            None,
            "must have no query, as paths are appended to it",
        ),
        (
            "http://h/v1",
            Some(grpc),
            "must have no path with gRPC, as http://localhost:4317; or set protocol to http/protobuf",
        ),
    ] {
        let variables: Vec<_> = [(name, url)].into_iter().chain(protocol).collect();
        let expected =
            format!("environment variable {name}: otlp.endpoints.default.endpoint {expected}");
        mistakes("", &variables, &[&expected]);
    }
}

#[test]
fn variables_that_cannot_be_are_mistakes() {
    for (name, value, expected) in [
        (
            "OTEL_METRIC_EXPORT_INTERVAL",
            "60s",
            "must be a number of milliseconds, found \"60s\"",
        ),
        (
            "OTEL_METRICS_EXPORTER",
            "prometheus",
            "must be otlp or none, found \"prometheus\"; Prometheus is always served",
        ),
        (
            "OTEL_EXPORTER_OTLP_HEADERS",
            "a=b,secret",
            "otlp.endpoints.default.headers holds as item 2 one without \"=\"; write name=value",
        ),
    ] {
        let expected = format!("environment variable {name}: {expected}");
        mistakes("", &[(name, value)], &[&expected]);
    }
}
