//! Processes whose whole log is sent, as the daemon's is: what other threads and libraries say,
//! and what the environment holds, cannot be looked at in a process that tests something else.

use std::process::{Command, Output};
use std::time::Duration;

use geophone::config::{Compression, Header, LogLevel, Otlp, OtlpProtocol};
use geophone::log;
use geophone::telemetry::Telemetry;
use geophone_test_support::wait;
use serde_json::{Value, json};
use tracing::info;

use crate::delivery::{PROTOCOLS, accept, url};
use crate::lifetime::serve;
use crate::pushing::{self, Pushing, config};
use crate::python::Python;
use crate::receiver::Receiver;
use crate::telling::{all, attributes, bodies, counted, curious, of, start};

/// The URL that the child sends to.
const URL: &str = "OTLP_TEST_URL";
/// Whether it does so over gRPC.
const GRPC: &str = "OTLP_TEST_GRPC";

/// The URL of one more endpoint, for metrics alone.
pub const DEAD: &str = "OTLP_TEST_DEAD";
/// What the child does.
const TASK: &str = "OTLP_TEST_TASK";

/// Says something, does its task, says something again, and prints how many messages there were.
#[test]
#[ignore = "the other tests run it in a process of its own"]
fn child() {
    let Ok(url) = std::env::var(URL) else { return };
    let protocol = match std::env::var(GRPC) {
        Ok(_) => OtlpProtocol::Grpc,
        Err(_) => OtlpProtocol::HttpProtobuf,
    };
    let mut endpoint = curious(protocol, &url);
    endpoint.compression = Compression::None;
    endpoint.headers = vec![Header {
        name: "x-tenant".parse().unwrap(),
        value: "a".parse().unwrap(),
    }];
    let mut endpoints = vec![("default", endpoint)];
    if let Ok(url) = std::env::var(DEAD) {
        endpoints.push(("dead", pushing::endpoint(OtlpProtocol::HttpProtobuf, &url)));
    }
    let config = config(&endpoints);
    let telemetry = start(&config);
    let counts = log::init(crate::telling::log(LogLevel::Debug), Some(&telemetry)).unwrap();
    info!(target: "geophone", "hello");
    match &*std::env::var(TASK).unwrap() {
        "push" => push(&config),
        "wait" => refused(&telemetry),
        "serve" => serve(&config, counts.clone(), &telemetry),
        other => panic!("{other} is no task"),
    }
    info!(target: "geophone", "goodbye");
    telemetry.stop();
    let all: u64 = counts.by_level().iter().map(|(_, count)| count).sum();
    println!("messages {all}");
}

fn push(config: &Otlp) {
    let pushing = Pushing::start(config);
    wait::until("ten exports", Duration::from_secs(30), || {
        Ok((pushing.source.taken() > 10).then_some(()))
    })
    .unwrap();
    pushing.stop();
}

/// Waits until what was said was refused, and says something else, which is refused too.
fn refused(telemetry: &Telemetry) {
    let dropped = |count: f64| {
        wait::until("records to be refused", Duration::from_secs(30), || {
            Ok((counted(telemetry, "logs").1 >= count).then_some(()))
        })
        .unwrap();
    };
    dropped(1.0);
    info!(target: "geophone", "still there");
    dropped(2.0);
}

pub fn run(
    receiver: &Receiver,
    protocol: OtlpProtocol,
    task: &str,
    environment: &[(&str, &str)],
) -> Output {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "child::child", "--ignored", "--nocapture"])
        .env(URL, url(receiver, protocol))
        .env(TASK, task)
        .env_remove(GRPC)
        .envs(environment.iter().copied());
    if protocol == OtlpProtocol::Grpc {
        command.env(GRPC, "1");
    }
    let output = command.output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    output
}

#[test]
fn the_environment_reaches_no_endpoint() {
    let Some(python) = Python::find() else { return };
    let environment = [
        (
            "OTEL_EXPORTER_OTLP_HEADERS",
            "authorization=secret,x-tenant=b",
        ),
        ("OTEL_EXPORTER_OTLP_LOGS_HEADERS", "x-secret=secret"),
        ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "x-secret=secret"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "1"),
        ("OTEL_RESOURCE_ATTRIBUTES", "leaked=secret"),
        ("OTEL_SERVICE_NAME", "secret"),
        ("OTEL_TRACES_SAMPLER", "always_off"),
        ("OTEL_SDK_DISABLED", "true"),
    ];
    for protocol in PROTOCOLS {
        let receiver = Receiver::start(&python, &accept());
        run(&receiver, protocol, "push", &environment);
        let requests = receiver.events("request");
        for signal in ["metrics", "logs", "traces"] {
            let requests = of(&requests, signal);
            assert!(!requests.is_empty(), "{signal} over {protocol:?}");
            for request in requests {
                assert!(!request.to_string().contains("secret"), "{request}");
                assert_eq!(request["headers"]["x-tenant"], "a");
                assert_eq!(request["encoding"], Value::Null);
            }
        }
    }
}

#[test]
fn what_is_said_of_sending_is_not_sent() {
    let Some(python) = Python::find() else { return };
    for protocol in PROTOCOLS {
        let receiver = Receiver::start(&python, &accept());
        let output = run(&receiver, protocol, "push", &[]);
        let said = String::from_utf8(output.stdout).unwrap();
        let messages = said.lines().find_map(|line| line.strip_prefix("messages "));
        let messages: usize = messages.unwrap().parse().unwrap();
        let requests = receiver.events("request");
        let records = all(&requests, "logs");
        // As many as were logged, at a level at which libraries tell of every frame.
        assert_eq!(records.len(), messages, "{:?}", bodies(&records));
        let (bodies, lines) = (bodies(&records), String::from_utf8(output.stderr).unwrap());
        let lines: Vec<&str> = lines
            .lines()
            .filter(|line| line.starts_with("ts="))
            .collect();
        assert_eq!(lines.len(), messages, "{lines:?}");
        for (body, line) in bodies.iter().zip(&lines) {
            assert!(line.contains(&format!("msg=\"{body}\"")), "{line}: {body}");
        }
        assert_eq!(
            (bodies.first(), bodies.last()),
            (Some(&"hello"), Some(&"goodbye"))
        );
    }
}

#[test]
fn what_is_said_of_a_refusal_is_not_sent() {
    let Some(python) = Python::find() else { return };
    for protocol in PROTOCOLS {
        // Each in other words, as of receivers that number them: each is told.
        let refuse = |message: &str| json!({"do": "fail", "status": 400, "code": "INVALID_ARGUMENT", "message": message});
        let script = json!([refuse("one"), refuse("two"), {"do": "accept"}]);
        let receiver = Receiver::start(&python, &script);
        let output = run(&receiver, protocol, "wait", &[]);
        let lines = String::from_utf8(output.stderr).unwrap();
        assert_eq!(
            lines.matches("OTLP endpoint refused log messages").count(),
            2
        );
        let requests = receiver.events("request");
        let records = all(&requests, "logs");
        assert_eq!(bodies(&records), ["hello", "still there", "goodbye"]);
        assert_eq!(requests.len(), 3);
    }
}

#[test]
fn every_export_has_a_span() {
    let Some(python) = Python::find() else { return };
    let receiver = Receiver::start(&python, &accept());
    run(&receiver, OtlpProtocol::HttpProtobuf, "push", &[]);
    let requests = receiver.events("request");
    let spans = all(&requests, "traces");
    let exports = of(&requests, "metrics");
    assert_eq!(spans.len(), exports.len());
    for (span, export) in spans.iter().zip(exports) {
        assert_eq!(span["name"], "export");
        assert_eq!(
            attributes(span),
            json!({
                "endpoint": {"stringValue": "default"},
                "points": {"intValue": export["points"].to_string()},
                "outcome": {"stringValue": "done"},
            })
        );
    }
}
