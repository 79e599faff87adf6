//! A collector that is away for half an hour, which here is as many snapshots in less time.

use std::time::Duration;

use geophone::config::OtlpProtocol;
use geophone::export::otlp::Temporality;
use geophone_test_support::wait;
use serde_json::{Value, json};

use crate::counted::counted;
use crate::delivery::{accept, url};
use crate::pushing::{Pushing, TAKEN, config, endpoint};
use crate::python::Python;
use crate::receiver::Receiver;

/// Snapshots in half an hour at the usual interval.
const SNAPSHOTS: u64 = 30;

/// The value of the counter of snapshots in a request.
fn taken(request: &Value) -> Option<u64> {
    let otlp = TAKEN.trim_end_matches("_total").replace('_', ".");
    let resource = &request["message"]["resourceMetrics"][0];
    let scopes = resource["scopeMetrics"].as_array()?.iter();
    let mut metrics = scopes
        .filter_map(|scope| scope["metrics"].as_array())
        .flatten();
    let metric = metrics.find(|metric| metric["name"] == otlp)?;
    metric["sum"]["dataPoints"][0]["asInt"]
        .as_str()?
        .parse()
        .ok()
}

fn outage(protocol: OtlpProtocol, temporality: Temporality) {
    let Some(python) = Python::find() else { return };
    let receiver = Receiver::start(&python, &accept());
    let mut endpoint = endpoint(protocol, &url(&receiver, protocol));
    endpoint.temporality = temporality;
    let pushing = Pushing::start(&config(&[("default", endpoint)]));
    receiver.requests(2);
    receiver.command(&json!({"command": "stop_listening"}));
    receiver.command(&json!({"command": "close_connections"}));
    let began = pushing.source.taken();
    wait::until("half an hour to pass", Duration::from_mins(1), || {
        let counted = counted(&pushing.counters, "default");
        assert!(counted["queue_length"] <= counted["queue_capacity"]);
        Ok((pushing.source.taken() >= began + SNAPSHOTS).then_some(()))
    })
    .unwrap();
    receiver.command(&json!({"command": "listen"}));
    let before = receiver.events("request").len();
    receiver.requests(before + 8);
    let (counters, source) = (pushing.counters.clone(), pushing.source.clone());
    pushing.stop();
    let counted = counted(&counters, "default");
    let requests = receiver.events("request");
    let told: Vec<u64> = requests.iter().filter_map(taken).collect();
    match temporality {
        Temporality::Cumulative => assert_eq!(told.last(), Some(&source.taken())),
        _ => assert_eq!(told.iter().sum::<u64>(), source.taken(), "{told:?}"),
    }
    // What was not sent was displaced, and all of that is counted.
    let exports = counted["exports_total done"] + counted["exports_total displaced"];
    assert_eq!(exports, source.taken() as f64);
    assert!(counted["exports_total displaced"] >= (SNAPSHOTS / 2) as f64);
    assert_eq!(counted["dropped_points_total refused"], 0.0);
    let points = counted["sent_points_total"] + counted["dropped_points_total displaced"];
    assert_eq!(points, (source.taken() * source.last().points()) as f64);
    if temporality == Temporality::Delta {
        let folded = receiver.directory().join("folded");
        let mut arguments = vec!["--out".into(), folded.clone().into_os_string()];
        arguments.extend(Receiver::files(&requests).into_iter().map(Into::into));
        python.run("fold_deltas.py", arguments);
    }
}

#[test]
fn totals_are_whole_after_an_outage() {
    outage(OtlpProtocol::HttpProtobuf, Temporality::Cumulative);
    outage(OtlpProtocol::Grpc, Temporality::Cumulative);
}

#[test]
fn deltas_are_whole_after_an_outage() {
    outage(OtlpProtocol::HttpProtobuf, Temporality::Delta);
    outage(OtlpProtocol::Grpc, Temporality::Delta);
}
