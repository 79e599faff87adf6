//! What an endpoint may do instead of taking metrics.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use geophone::config::OtlpProtocol::{self, Grpc, HttpProtobuf};
use serde_json::{Value, json};

use crate::counted::counted;
use crate::delivery::url;
use crate::pushing::{Pushing, config, endpoint};
use crate::python::Python;
use crate::receiver::Receiver;

/// Pushes to a receiver that first does something else, until it has accepted twice. The
/// requests, and what was counted.
fn after(
    python: &Python,
    protocol: OtlpProtocol,
    first: &Value,
) -> (Vec<Value>, std::collections::BTreeMap<String, f64>) {
    let script = json!([first, {"do": "accept"}]);
    let receiver = Receiver::start(python, &script);
    let mut endpoint = endpoint(protocol, &url(&receiver, protocol));
    if first["do"] == "hang" {
        endpoint.timeout = Duration::from_millis(500);
    }
    let mut config = config(&[("default", endpoint)]);
    // Nothing is displaced meanwhile.
    config.queue_size = 1000;
    let pushing = Pushing::start(&config);
    geophone_test_support::wait::until(
        "two requests to be accepted",
        Duration::from_secs(30),
        || {
            let counted = counted(&pushing.counters, "default");
            Ok((counted["requests_total accepted"] >= 2.0).then_some(()))
        },
    )
    .unwrap();
    let counters = pushing.counters.clone();
    pushing.stop();
    (receiver.events("request"), counted(&counters, "default"))
}

/// Whether two requests hold the same.
fn same(one: &Value, other: &Value) -> bool {
    one["message"] == other["message"]
}

#[test]
fn what_may_pass_is_sent_again() {
    let Some(python) = Python::find() else { return };
    let status = |status: u16| (HttpProtobuf, json!({"do": "fail", "status": status}));
    let code = |code: &str| (Grpc, json!({"do": "fail", "code": code}));
    for (protocol, first) in [
        status(429),
        status(502),
        status(503),
        status(504),
        code("CANCELLED"),
        code("DEADLINE_EXCEEDED"),
        code("ABORTED"),
        code("OUT_OF_RANGE"),
        code("UNAVAILABLE"),
        code("DATA_LOSS"),
        (
            Grpc,
            json!({"do": "fail", "code": "RESOURCE_EXHAUSTED", "retry_after": 0.1}),
        ),
        (HttpProtobuf, json!({"do": "hang"})),
        (Grpc, json!({"do": "hang"})),
        (HttpProtobuf, json!({"do": "close"})),
    ] {
        let (requests, counted) = after(&python, protocol, &first);
        assert_eq!(counted["requests_total failed"], 1.0, "{first}");
        assert_eq!(counted["requests_total refused"], 0.0, "{first}");
        assert_eq!(counted["dropped_points_total refused"], 0.0, "{first}");
        assert!(same(&requests[0], &requests[1]), "{first}: not sent again");
    }
}

#[test]
fn a_connection_reset_in_mid_body_is_a_failure() {
    let Some(python) = Python::find() else { return };
    for protocol in [HttpProtobuf, Grpc] {
        let (_, counted) = after(&python, protocol, &json!({"do": "reset"}));
        assert_eq!(counted["requests_total failed"], 1.0, "{protocol:?}");
        assert_eq!(counted["requests_total refused"], 0.0, "{protocol:?}");
    }
}

#[test]
fn what_will_not_pass_is_not_sent_again() {
    let Some(python) = Python::find() else { return };
    let status = |status: u16| (HttpProtobuf, json!({"do": "fail", "status": status}));
    let code = |code: &str| (Grpc, json!({"do": "fail", "code": code}));
    for (protocol, first) in [
        status(400),
        status(401),
        status(404),
        status(413),
        status(500),
        status(501),
        code("UNKNOWN"),
        code("INVALID_ARGUMENT"),
        code("UNAUTHENTICATED"),
        code("UNIMPLEMENTED"),
        code("INTERNAL"),
        // Without RetryInfo.
        code("RESOURCE_EXHAUSTED"),
    ] {
        let (requests, counted) = after(&python, protocol, &first);
        assert_eq!(counted["requests_total refused"], 1.0, "{first}");
        assert_eq!(counted["requests_total failed"], 0.0, "{first}");
        let points = requests[0]["points"].as_f64().unwrap();
        assert_eq!(counted["dropped_points_total refused"], points, "{first}");
        let again = requests
            .iter()
            .skip(1)
            .filter(|request| same(&requests[0], request));
        assert_eq!(again.count(), 0, "{first}: sent again");
    }
}

#[test]
fn partial_success_is_counted_and_not_sent_again() {
    let Some(python) = Python::find() else { return };
    for protocol in [HttpProtobuf, Grpc] {
        for (rejected, message) in [(3.0, "too old"), (0.0, "deprecated")] {
            let first = json!({"do": "partial", "rejected": rejected as u64, "message": message});
            let (requests, counted) = after(&python, protocol, &first);
            assert_eq!(counted["requests_total partial"], 1.0);
            assert_eq!(counted["requests_total failed"], 0.0);
            assert_eq!(counted["rejected_points_total"], rejected);
            let sent: f64 = requests
                .iter()
                .map(|it| it["points"].as_f64().unwrap())
                .sum();
            assert_eq!(counted["sent_points_total"], sent - rejected);
            let again = requests.iter().skip(1).filter(|it| same(&requests[0], it));
            assert_eq!(again.count(), 0, "sent again");
        }
    }
}

#[test]
fn an_answer_that_makes_no_sense_is_an_answer() {
    let Some(python) = Python::find() else { return };
    for protocol in [HttpProtobuf, Grpc] {
        let (_, counted) = after(&python, protocol, &json!({"do": "garbage"}));
        assert_eq!(counted["requests_total failed"], 0.0, "{protocol:?}");
        assert_eq!(counted["requests_total refused"], 0.0, "{protocol:?}");
    }
    for protocol in [HttpProtobuf, Grpc] {
        let huge = json!({"do": "huge", "bytes": 1 << 20});
        let (_, counted) = after(&python, protocol, &huge);
        assert_eq!(counted["requests_total failed"], 0.0, "{protocol:?}");
        assert_eq!(counted["requests_total refused"], 0.0, "{protocol:?}");
    }
    let (_, counted) = after(
        &python,
        HttpProtobuf,
        &json!({"do": "huge", "bytes": 16 << 20}),
    );
    assert_eq!(counted["requests_total failed"], 0.0);
}

#[test]
fn an_endpoint_is_left_alone_for_as_long_as_it_asks() {
    let Some(python) = Python::find() else { return };
    for (protocol, first, least) in [
        (
            HttpProtobuf,
            json!({"do": "fail", "status": 429, "retry_after": 2}),
            2.0,
        ),
        (
            HttpProtobuf,
            json!({"do": "fail", "status": 503, "retry_after": 3, "retry_date": true}),
            2.9,
        ),
        (
            Grpc,
            json!({"do": "fail", "code": "RESOURCE_EXHAUSTED", "retry_after": 1.5}),
            1.5,
        ),
        (
            Grpc,
            json!({"do": "fail", "code": "UNAVAILABLE", "retry_after": 1.5}),
            1.5,
        ),
    ] {
        let (requests, _) = after(&python, protocol, &first);
        let arrived = |at: usize| requests[at]["arrived"].as_f64().unwrap();
        let waited = arrived(1) - arrived(0);
        assert!((least..least + 5.0).contains(&waited), "{first}: {waited}");
    }
}

#[test]
fn waits_grow_whatever_the_endpoint_asks_for() {
    let Some(python) = Python::find() else { return };
    let past = json!({"do": "fail", "status": 503, "headers": {"Retry-After": "Sun, 06 Nov 1994 08:49:37 GMT"}});
    for first in [
        json!({"do": "fail", "status": 503}),
        json!({"do": "fail", "status": 503, "retry_after": 0}),
        past,
    ] {
        let receiver = Receiver::start(&python, &json!([first]));
        let endpoint = endpoint(HttpProtobuf, &receiver.http());
        let pushing = Pushing::start(&config(&[("default", endpoint)]));
        let requests = receiver.requests(8);
        pushing.stop();
        let arrived = requests.iter().map(|it| it["arrived"].as_f64().unwrap());
        let arrived: Vec<f64> = arrived.collect();
        let waits: Vec<f64> = arrived.windows(2).map(|pair| pair[1] - pair[0]).collect();
        // Of 20, 40, 80, 160, then 200 ms, each up to twice as long.
        for (at, wait) in waits.iter().enumerate() {
            let least = (0.02 * 2f64.powi(i32::try_from(at).unwrap())).min(0.2);
            assert!(*wait >= least * 0.99, "{first}: {waits:?}");
        }
    }
}

/// Forwards connections, but for the first, on which nothing comes back.
fn silent_at_first(to: &str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let to = to.trim_start_matches("http://").to_owned();
    thread::spawn(move || {
        let first = listener.accept();
        for stream in listener.incoming().flatten() {
            let there = TcpStream::connect(&to).unwrap();
            let (mut one, mut other) = (stream.try_clone().unwrap(), there.try_clone().unwrap());
            thread::spawn(move || std::io::copy(&mut one, &mut other));
            let (mut one, mut other) = (there, stream);
            thread::spawn(move || std::io::copy(&mut one, &mut other));
        }
        drop(first);
    });
    address
}

#[test]
fn a_connection_on_which_nothing_comes_is_made_anew() {
    let Some(python) = Python::find() else { return };
    for protocol in [HttpProtobuf, Grpc] {
        let receiver = Receiver::start(&python, &json!([{"do": "accept"}]));
        let proxy = silent_at_first(&url(&receiver, protocol));
        let mut endpoint = endpoint(protocol, &format!("http://{proxy}"));
        endpoint.timeout = Duration::from_millis(500);
        let pushing = Pushing::start(&config(&[("default", endpoint)]));
        receiver.requests(2);
        let counted = counted(&pushing.counters, "default");
        pushing.stop();
        assert!(counted["requests_total failed"] >= 1.0, "{protocol:?}");
    }
}

#[test]
fn a_refused_connection_is_tried_again() {
    let Some(python) = Python::find() else { return };
    for protocol in [HttpProtobuf, Grpc] {
        let receiver = Receiver::start(&python, &json!([{"do": "accept"}]));
        receiver.command(&json!({"command": "stop_listening"}));
        let endpoint = endpoint(protocol, &url(&receiver, protocol));
        let pushing = Pushing::start(&config(&[("default", endpoint)]));
        let failed = || counted(&pushing.counters, "default")["requests_total failed"];
        geophone_test_support::wait::until("failures", Duration::from_secs(30), || {
            Ok((failed() >= 3.0).then_some(()))
        })
        .unwrap();
        receiver.command(&json!({"command": "listen"}));
        receiver.requests(2);
        pushing.stop();
    }
}
