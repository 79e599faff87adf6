use std::io::{Read as _, Seek as _};
use std::sync::Arc;

use geophone::config::{Log, LogFormat, LogLevel, Otlp, OtlpEndpoint, OtlpProtocol};
use geophone::log::{LogCounts, subscriber};
use geophone::telemetry::Telemetry;
use serde_json::Value;

use crate::pushing::{endpoint, limits};

/// An endpoint that wants everything.
pub fn curious(protocol: OtlpProtocol, url: &str) -> OtlpEndpoint {
    OtlpEndpoint {
        logs: true,
        traces: true,
        ..endpoint(protocol, url)
    }
}

pub fn log(level: LogLevel) -> Log {
    Log {
        level,
        format: LogFormat::Logfmt,
    }
}

pub fn start(config: &Otlp) -> Telemetry {
    let telemetry = Telemetry::start(config, &[], limits()).unwrap();
    telemetry.expect("an endpoint wants it")
}

/// Does something whose messages and spans go to where they are wanted.
pub fn telling<T>(telemetry: &Telemetry, body: impl FnOnce() -> T) -> T {
    lines(LogLevel::Info, Some(telemetry), body).1
}

/// The lines that are logged meanwhile, without their times.
pub fn lines<T>(
    level: LogLevel,
    telemetry: Option<&Telemetry>,
    body: impl FnOnce() -> T,
) -> (Vec<String>, T) {
    let file = Arc::new(tempfile::tempfile().unwrap());
    let counts = Arc::new(LogCounts::default());
    let subscriber = subscriber(log(level), telemetry, counts, Arc::clone(&file));
    let result = tracing::subscriber::with_default(subscriber, body);
    let mut text = String::new();
    (&*file).rewind().unwrap();
    (&*file).read_to_string(&mut text).unwrap();
    let line = |line: &str| line.split_once(' ').unwrap().1.to_owned();
    (text.lines().map(line).collect(), result)
}

/// Requests of a signal.
pub fn of<'a>(requests: &'a [Value], signal: &str) -> Vec<&'a Value> {
    let of = |request: &&Value| request["signal"] == signal;
    requests.iter().filter(of).collect()
}

/// What is in the resources of a request, which must be one.
pub fn resource(request: &Value) -> &Value {
    let resources = request["message"].as_object().unwrap().values().next();
    let resources = resources.unwrap().as_array().unwrap();
    assert_eq!(resources.len(), 1, "{request}");
    &resources[0]
}

/// The records of a request, which must be of one scope, Geophone's own.
pub fn records(request: &Value) -> Vec<Value> {
    assert_eq!(request["errors"], serde_json::json!([]), "{request}");
    let (scopes, records) = match request["signal"].as_str().unwrap() {
        "logs" => ("scopeLogs", "logRecords"),
        _ => ("scopeSpans", "spans"),
    };
    let scopes = resource(request)[scopes].as_array().unwrap();
    assert_eq!(scopes.len(), 1, "{request}");
    assert_eq!(scopes[0]["scope"]["name"], "geophone");
    assert_eq!(scopes[0]["scope"]["version"], env!("CARGO_PKG_VERSION"));
    scopes[0][records].as_array().unwrap().clone()
}

/// All records of a signal, in the order in which they came.
pub fn all(requests: &[Value], signal: &str) -> Vec<Value> {
    of(requests, signal).into_iter().flat_map(records).collect()
}

/// The texts of log records.
pub fn bodies(records: &[Value]) -> Vec<&str> {
    let records = records.iter();
    records
        .map(|record| record["body"]["stringValue"].as_str().unwrap())
        .collect()
}

/// The attributes of a record.
pub fn attributes(record: &Value) -> Value {
    let attributes = record["attributes"].as_array().cloned().unwrap_or_default();
    let pair = |it: &Value| (it["key"].as_str().unwrap().to_owned(), it["value"].clone());
    Value::Object(attributes.iter().map(pair).collect())
}

/// How many records of a signal the endpoint `default` took, and how many were dropped.
pub fn counted(telemetry: &Telemetry, signal: &str) -> (f64, f64) {
    let counters = telemetry.counters();
    let counted = crate::counted::of("default", |families| counters.introspect(families));
    let count = |name: &str| counted[&format!("{name}_records_total {signal}")];
    (count("sent"), count("dropped"))
}
