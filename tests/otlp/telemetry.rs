//! Geophone's own messages and spans, as they arrive.

use geophone::config::{Compression, LogLevel, OtlpProtocol};
use geophone_test_support::wait;
use serde_json::{Value, json};
use tracing::{debug, error, info, info_span, warn};

use crate::delivery::{PROTOCOLS, accept, url};
use crate::pushing::{Pushing, config, endpoint};
use crate::python::Python;
use crate::receiver::Receiver;
use crate::telling::{
    all, attributes, bodies, counted, curious, lines, of, resource, start, telling,
};

#[test]
fn messages_arrive_with_all_they_say() {
    let Some(python) = Python::find() else { return };
    for protocol in PROTOCOLS {
        let receiver = Receiver::start(&python, &accept());
        let config = config(&[("default", curious(protocol, &url(&receiver, protocol)))]);
        let telemetry = start(&config);
        telling(&telemetry, || {
            debug!(target: "geophone::a", "below the level");
            info!(target: "geophone::a", module = "tcp", programs = 3_u64, "active");
            warn!(target: "geophone", ok = true, ratio = 0.5, lost = -1_i64, "degraded");
            error!(target: "geophone::b", reason = %"no such function", "failed");
            error!(target: "hyper::client", "of a library");
        });
        telemetry.stop();
        let records = all(&receiver.events("request"), "logs");
        assert_eq!(bodies(&records), ["active", "degraded", "failed"]);
        let severities: Vec<_> = records.iter().map(|it| &it["severityText"]).collect();
        assert_eq!(severities, ["INFO", "WARN", "ERROR"]);
        let numbers: Vec<_> = records.iter().map(|it| &it["severityNumber"]).collect();
        let number = |level| format!("SEVERITY_NUMBER_{level}");
        assert_eq!(
            numbers,
            [&number("INFO"), &number("WARN"), &number("ERROR")]
        );
        assert_eq!(
            records.iter().map(attributes).collect::<Vec<_>>(),
            [
                json!({"module": {"stringValue": "tcp"}, "programs": {"intValue": "3"}}),
                json!({
                    "ok": {"boolValue": true},
                    "ratio": {"doubleValue": 0.5},
                    "lost": {"intValue": "-1"},
                }),
                json!({"reason": {"stringValue": "no such function"}}),
            ]
        );
        for record in &records {
            assert_eq!(record["timeUnixNano"], record["observedTimeUnixNano"]);
            assert!(record.get("eventName").is_none(), "{record}");
            let nanoseconds: u64 = record["timeUnixNano"].as_str().unwrap().parse().unwrap();
            let at = std::time::UNIX_EPOCH + std::time::Duration::from_nanos(nanoseconds);
            assert!(at.elapsed().unwrap().as_secs() < 60);
        }
    }
}

#[test]
fn spans_arrive_with_their_families_and_messages() {
    let Some(python) = Python::find() else { return };
    for protocol in PROTOCOLS {
        let receiver = Receiver::start(&python, &accept());
        let config = config(&[("default", curious(protocol, &url(&receiver, protocol)))]);
        let telemetry = start(&config);
        telling(&telemetry, || {
            let _sweep = info_span!(target: "geophone", "sweep", modules = 2_i64).entered();
            let _foreign = info_span!(target: "h2", "connection").entered();
            info_span!(target: "geophone", "module", module = "tcp")
                .in_scope(|| info!(target: "geophone", "read"));
        });
        telemetry.stop();
        let requests = receiver.events("request");
        let spans = all(&requests, "traces");
        let [module, sweep] = &spans[..] else {
            panic!("two spans: {spans:?}")
        };
        assert_eq!(
            (&module["name"], &sweep["name"]),
            (&json!("module"), &json!("sweep"))
        );
        assert_eq!(
            attributes(module),
            json!({"module": {"stringValue": "tcp"}})
        );
        assert_eq!(attributes(sweep), json!({"modules": {"intValue": "2"}}));
        assert_eq!(module["parentSpanId"], sweep["spanId"]);
        assert_eq!(module["traceId"], sweep["traceId"]);
        assert!(sweep.get("parentSpanId").is_none());
        let time =
            |span: &Value, key: &str| -> u64 { span[key].as_str().unwrap().parse().unwrap() };
        assert!(time(sweep, "startTimeUnixNano") <= time(module, "startTimeUnixNano"));
        assert!(time(module, "endTimeUnixNano") <= time(sweep, "endTimeUnixNano"));
        let messages = all(&requests, "logs");
        assert_eq!(messages[0]["spanId"], module["spanId"]);
        assert_eq!(messages[0]["traceId"], module["traceId"]);
    }
}

#[test]
fn the_resource_is_that_of_the_metrics() {
    let Some(python) = Python::find() else { return };
    let receiver = Receiver::start(&python, &accept());
    let mut config = config(&[(
        "default",
        curious(OtlpProtocol::HttpProtobuf, &receiver.http()),
    )]);
    config.service_name = "of a test".to_owned();
    config.resource_attributes = vec![("deployment.environment.name".into(), "test".into())];
    let pushing = Pushing::start(&config);
    receiver.requests(1);
    pushing.stop();
    let telemetry = start(&config);
    telling(&telemetry, || {
        info_span!(target: "geophone", "sweep").in_scope(|| info!(target: "geophone", "read"));
    });
    telemetry.stop();
    let requests = receiver.events("request");
    let metrics = &resource(of(&requests, "metrics")[0])["resource"];
    assert!(metrics.to_string().contains("of a test"), "{metrics}");
    for signal in ["logs", "traces"] {
        assert_eq!(
            &resource(of(&requests, signal)[0])["resource"],
            metrics,
            "{signal}"
        );
    }
}

#[test]
fn who_does_not_want_them_gets_none() {
    let Some(python) = Python::find() else { return };
    let receivers: Vec<_> = (0..3)
        .map(|_| Receiver::start(&python, &accept()))
        .collect();
    let endpoints = receivers
        .iter()
        .zip([(true, false), (false, true), (false, false)]);
    let endpoints: Vec<_> = endpoints
        .map(|(receiver, (logs, traces))| {
            let mut endpoint = endpoint(OtlpProtocol::HttpProtobuf, &receiver.http());
            (endpoint.logs, endpoint.traces) = (logs, traces);
            endpoint
        })
        .collect();
    let of = |index: usize| endpoints[index].clone();
    let telemetry = start(&config(&[
        ("logs", of(0)),
        ("traces", of(1)),
        ("none", of(2)),
    ]));
    telling(&telemetry, || {
        info_span!(target: "geophone", "sweep").in_scope(|| info!(target: "geophone", "read"));
    });
    telemetry.stop();
    let signals: Vec<Vec<Value>> = receivers
        .iter()
        .map(|it| {
            it.events("request")
                .iter()
                .map(|it| it["signal"].clone())
                .collect()
        })
        .collect();
    assert_eq!(
        signals,
        [vec![json!("logs")], vec![json!("traces")], vec![]]
    );
    let nobody = geophone::telemetry::Telemetry::start(
        &config(&[("none", of(2))]),
        &[],
        crate::pushing::limits(),
    );
    assert!(nobody.unwrap().is_none());
    let mut off = config(&[("logs", of(0))]);
    off.enabled = false;
    let off = geophone::telemetry::Telemetry::start(&off, &[], crate::pushing::limits());
    assert!(off.unwrap().is_none());
}

#[test]
fn what_is_logged_in_an_outage_arrives_after_it() {
    let Some(python) = Python::find() else { return };
    for protocol in PROTOCOLS {
        let receiver = Receiver::start(&python, &accept());
        let mut endpoint = curious(protocol, &url(&receiver, protocol));
        endpoint.compression = Compression::None;
        receiver.command(&json!({"command": "stop_listening"}));
        let telemetry = start(&config(&[("default", endpoint)]));
        let tell = |first: u32| {
            telling(&telemetry, || {
                for number in first..first + 100 {
                    info!(target: "geophone", number, "read");
                }
            });
        };
        tell(0);
        receiver.command(&json!({"command": "listen"}));
        tell(100);
        wait::until("all of them", std::time::Duration::from_secs(30), || {
            Ok((counted(&telemetry, "logs") == (200.0, 0.0)).then_some(()))
        })
        .unwrap();
        telemetry.stop();
        let numbers = all(&receiver.events("request"), "logs");
        let numbers = numbers
            .iter()
            .map(|it| attributes(it)["number"]["intValue"].clone());
        let expected = (0..200).map(|number: u32| json!(number.to_string()));
        assert_eq!(numbers.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
    }
}

#[test]
fn lines_are_the_same_and_the_level_is_of_messages_alone() {
    let Some(python) = Python::find() else { return };
    let receiver = Receiver::start(&python, &accept());
    let endpoint = curious(OtlpProtocol::HttpProtobuf, &receiver.http());
    let telemetry = start(&config(&[("default", endpoint)]));
    let body = || {
        let _sweep = info_span!(target: "geophone", "sweep", modules = 2_i64).entered();
        info!(target: "geophone", "below the level");
        warn!(target: "geophone", module = "tcp", "degraded");
    };
    let (without, ()) = lines(LogLevel::Warn, None, body);
    let (with, ()) = lines(LogLevel::Warn, Some(&telemetry), body);
    telemetry.stop();
    assert_eq!(with, ["level=warn msg=\"degraded\" module=tcp"]);
    assert_eq!(without, with);
    let requests = receiver.events("request");
    assert_eq!(bodies(&all(&requests, "logs")), ["degraded"]);
    assert_eq!(all(&requests, "traces").len(), 1);
}
