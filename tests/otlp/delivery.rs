//! What arrives, and how it is told.

use geophone::config::{Compression, Header, OtlpProtocol};
use serde_json::{Value, json};

use crate::counted::counted;
use crate::pushing::{Pushing, config, endpoint};
use crate::python::Python;
use crate::receiver::Receiver;

pub const PROTOCOLS: [OtlpProtocol; 2] = [OtlpProtocol::HttpProtobuf, OtlpProtocol::Grpc];

pub fn url(receiver: &Receiver, protocol: OtlpProtocol) -> String {
    match protocol {
        OtlpProtocol::HttpProtobuf => receiver.http(),
        OtlpProtocol::Grpc => receiver.grpc(),
    }
}

pub fn accept() -> Value {
    json!([{"do": "accept"}])
}

#[test]
fn both_protocols_with_and_without_compression() {
    let Some(python) = Python::find() else { return };
    for protocol in PROTOCOLS {
        for compression in [Compression::Gzip, Compression::None] {
            let receiver = Receiver::start(&python, &accept());
            let mut endpoint = endpoint(protocol, &url(&receiver, protocol));
            endpoint.compression = compression;
            let header = |name: &'static str, value: &'static str| Header {
                name: name.parse().unwrap(),
                value: value.parse().unwrap(),
            };
            endpoint.headers = vec![header("x-tenant", "a b"), header("authorization", "secret")];
            let pushing = Pushing::start(&config(&[("default", endpoint)]));
            let requests = receiver.requests(3);
            pushing.stop();
            for request in &requests {
                assert_eq!(request["errors"], json!([]), "{request}");
                assert_eq!(request["headers"]["x-tenant"], "a b");
                assert_eq!(request["headers"]["authorization"], "secret");
                let agent = request["headers"]["user-agent"].as_str().unwrap();
                assert!(agent.starts_with("geophone/"), "{agent}");
                let expected = (compression == Compression::Gzip).then_some("gzip");
                assert_eq!(request["encoding"].as_str(), expected, "{protocol:?}");
                assert_eq!(request["signal"], "metrics");
            }
            // One connection serves them all.
            let connections = requests.iter().map(|it| it["connection"].as_i64());
            assert_eq!(
                connections.collect::<std::collections::BTreeSet<_>>().len(),
                1
            );
        }
    }
}

#[test]
fn what_is_counted_is_what_arrived() {
    let Some(python) = Python::find() else { return };
    let receiver = Receiver::start(&python, &accept());
    let pushing = Pushing::start(&config(&[(
        "default",
        endpoint(OtlpProtocol::HttpProtobuf, &receiver.http()),
    )]));
    receiver.requests(5);
    let counters = pushing.counters.clone();
    let source = std::sync::Arc::clone(&pushing.source);
    pushing.stop();
    let requests = receiver.events("request");
    let sum = |key: &str| {
        requests
            .iter()
            .map(|it| it[key].as_f64().unwrap())
            .sum::<f64>()
    };
    let counted = counted(&counters, "default");
    assert_eq!(counted["requests_total accepted"], requests.len() as f64);
    assert_eq!(counted["exports_total done"], requests.len() as f64);
    let exports = counted["exports_total done"] + counted["exports_total displaced"];
    assert_eq!(exports, source.taken() as f64);
    assert_eq!(counted["sent_points_total"], sum("points"));
    assert_eq!(counted["sent_bytes_total"], sum("bytes"));
    assert_eq!(counted["queue_length"], 0.0);
    assert_eq!(counted["queue_capacity"], 5.0);
    for nothing in [
        "requests_total partial",
        "requests_total refused",
        "requests_total failed",
        "rejected_points_total",
        "dropped_points_total refused",
        "dropped_points_total unfit",
    ] {
        assert_eq!(counted[nothing], 0.0, "{nothing}");
    }
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    let age = now.as_secs_f64() - counted["last_success_timestamp_seconds"];
    assert!((0.0..30.0).contains(&age), "{age}");
}

#[test]
fn large_exports_are_split_and_whole() {
    let Some(python) = Python::find() else { return };
    for protocol in PROTOCOLS {
        let receiver = Receiver::start(&python, &accept());
        let mut config = config(&[("default", endpoint(protocol, &url(&receiver, protocol)))]);
        config.max_request_bytes = 2000;
        let pushing = Pushing::start(&config);
        receiver.requests(4);
        let (counters, source) = (pushing.counters.clone(), pushing.source.clone());
        pushing.stop();
        let requests = receiver.events("request");
        for request in &requests {
            assert!(
                request["bytes"].as_u64().unwrap() <= 2000,
                "{}",
                request["bytes"]
            );
        }
        let counted = counted(&counters, "default");
        assert!(counted["requests_total accepted"] > counted["exports_total done"]);
        let came = requests.iter().map(|it| it["points"].as_f64().unwrap());
        assert_eq!(counted["sent_points_total"], came.sum::<f64>());
        // The rest fits no such request, or a later snapshot came before it.
        let of_all = (source.taken() * source.last().points()) as f64;
        let others =
            ["unfit", "displaced"].map(|it| counted[&format!("dropped_points_total {it}")]);
        assert_eq!(counted["sent_points_total"] + others[0] + others[1], of_all);
    }
}

#[test]
fn several_endpoints_do_not_feel_each_other() {
    let Some(python) = Python::find() else { return };
    let good = Receiver::start(&python, &accept());
    let dead = Receiver::start(&python, &json!([{"do": "hang"}]));
    let pushing = Pushing::start(&config(&[
        ("good", endpoint(OtlpProtocol::HttpProtobuf, &good.http())),
        ("dead", endpoint(OtlpProtocol::Grpc, &dead.grpc())),
    ]));
    dead.requests(1);
    let before = good.events("request").len();
    good.requests(before + 10);
    let counted = counted(&pushing.counters, "dead");
    assert_eq!(counted["requests_total accepted"], 0.0);
    assert!(counted["queue_length"] <= counted["queue_capacity"]);
    let took = pushing.stop();
    assert!(took.as_secs_f64() < 10.0, "{took:?}: the flush is bounded");
}

#[test]
fn the_end_of_the_daemon_flushes() {
    let Some(python) = Python::find() else { return };
    let receiver = Receiver::start(&python, &accept());
    let mut config = config(&[(
        "default",
        endpoint(OtlpProtocol::HttpProtobuf, &receiver.http()),
    )]);
    config.interval = std::time::Duration::from_hours(1);
    let pushing = Pushing::start(&config);
    let source = std::sync::Arc::clone(&pushing.source);
    pushing.stop();
    assert_eq!((source.taken(), receiver.requests(1).len()), (1, 1));
}
