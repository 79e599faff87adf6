//! The push: what it is told, and what is a mistake.

use std::time::Duration;

use super::super::{Otlp, OtlpEndpoint};
use super::load;
use crate::export::otlp::{HistogramAggregation, Temporality};

pub(super) fn otlp(file: &str, variables: &[(&str, &str)], flags: &[(&str, &str, &str)]) -> Otlp {
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

pub(super) fn headers(endpoint: &OtlpEndpoint) -> String {
    let headers = endpoint.headers.iter();
    let headers = headers.map(|it| format!("{}={}", it.name, it.value.to_str().unwrap()));
    headers.collect::<Vec<_>>().join(",")
}

#[test]
fn nothing_is_pushed_unless_somebody_says_so() {
    assert!(otlp("", &[], &[]).endpoints.is_empty());
    for (variable, value) in [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", ""),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_METRICS_EXPORTER", "none"),
        ("OTEL_METRICS_EXPORTER", "prometheus, console"),
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
        (vec![(base, "HTTPS://h")], "https://h/v1/metrics"),
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
    let file = "[otlp.endpoints.a_1]\nendpoint = \"http://a\"\nheaders = [\"k=secret\"]\n";
    let variables = [
        ("GEOPHONE_OTLP__ENDPOINTS__B_2__ENDPOINT", "http://b"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "token=secret"),
    ];
    let found = otlp(file, &variables, &[]).endpoints;
    assert_eq!(found.keys().collect::<Vec<_>>(), ["a_1", "b_2"]);
    assert_eq!(headers(&found["a_1"]), "k=secret");
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
            "geophone.toml:3:24: otlp.endpoints.default.headers holds as item 2 a name that it has already",
        ),
        (
            "headers = [\"a b=secret\"]",
            "geophone.toml:3:11: otlp.endpoints.default.headers holds as item 1 one that no HTTP header can be",
        ),
        (
            "headers = [\"Content-Length=5\"]",
            "geophone.toml:3:11: otlp.endpoints.default.headers holds as item 1 content-length, which the protocol sets",
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
            "geophone.toml:2:11: otlp.endpoints.vendor.endpoint must name where to push to, or enabled be true or false",
        ],
    );
    // Nothing is in the section, or nothing that is right.
    for (section, more) in [
        ("[otlp.endpoints.vendor]\n", None),
        (
            "[otlp.endpoints.vendor]\ntimeout = true\n",
            Some(
                "geophone.toml:2:11: otlp.endpoints.vendor.timeout must be a duration in quotes from 10ms to 1h, such as \"500ms\" or \"15s\", found the boolean true",
            ),
        ),
    ] {
        let place = "geophone.toml:1:17: otlp.endpoints.vendor.endpoint must name where to push to, or enabled be true or false";
        let expected: Vec<&str> = [place].into_iter().chain(more).collect();
        mistakes(section, &[], &expected);
    }
    // A section without its name.
    mistakes(
        "[otlp.endpoints]\nheaders = \"a=secret\"\n",
        &[],
        &[
            "geophone.toml:2:1: unknown key \"headers\" in [otlp.endpoints] (it belongs in [otlp.endpoints.default])",
        ],
    );
    mistakes(
        "[otlp.endpoints.A-b]\nendpoint = \"http://h\"\n",
        &[],
        &[
            "geophone.toml:1:17: \"A-b\" cannot name an endpoint: use small letters, digits and \"_\", as variables can tell",
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
        (
            "http://h:99999",
            None,
            "must have a port from 0 to 65535, as http://localhost:4318",
        ),
        (
            "http://[::1]:x",
            None,
            "must have a port from 0 to 65535, as http://localhost:4318",
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
            "OTEL_EXPORTER_OTLP_HEADERS",
            "a=b,secret",
            "otlp.endpoints.default.headers holds as item 2 one without \"=\"; write name=value",
        ),
    ] {
        let expected = format!("environment variable {name}: {expected}");
        mistakes("", &[(name, value)], &[&expected]);
    }
}
