//! Own messages and spans where an endpoint does not take them.

use std::time::{Duration, Instant};

use serde_json::json;
use tracing::info;

use crate::delivery::{PROTOCOLS, url};
use crate::pushing::config;
use crate::python::Python;
use crate::receiver::Receiver;
use crate::telling::{counted, curious, start, telling};

#[test]
fn a_dead_collector_keeps_nobody_waiting() {
    let Some(python) = Python::find() else { return };
    for protocol in PROTOCOLS {
        let receiver = Receiver::start(&python, &json!([{"do": "hang"}]));
        let endpoint = curious(protocol, &url(&receiver, protocol));
        let mut config = config(&[("default", endpoint)]);
        config.flush_timeout = Duration::from_millis(300);
        let telemetry = start(&config);
        telling(&telemetry, || info!(target: "geophone", "the first"));
        receiver.requests(1);
        let most = telling(&telemetry, || {
            let times = (0..10_000).map(|number| {
                let began = Instant::now();
                info!(target: "geophone", number, "more than there is room for");
                began.elapsed()
            });
            times.max().unwrap()
        });
        assert!(
            most < Duration::from_millis(500),
            "{most:?}: somebody waited"
        );
        let (sent, dropped) = counted(&telemetry, "logs");
        assert!(sent < 1.0, "{sent}");
        assert!((8000.0..10_000.0).contains(&dropped), "{dropped}");
        let began = Instant::now();
        telemetry.stop();
        let took = began.elapsed();
        assert!(
            took < Duration::from_millis(1300),
            "{took:?}: beyond the bound"
        );
        assert!(took >= Duration::from_millis(300), "{took:?}: not tried");
    }
}

#[test]
fn the_bound_on_the_end_counts_from_its_beginning() {
    let Some(python) = Python::find() else { return };
    let receiver = Receiver::start(&python, &json!([{"do": "hang"}]));
    let mut config = config(&[("default", curious(PROTOCOLS[0], &receiver.http()))]);
    config.flush_timeout = Duration::ZERO;
    let telemetry = start(&config);
    telling(&telemetry, || info!(target: "geophone", "the first"));
    receiver.requests(1);
    telemetry.stopping();
    let began = Instant::now();
    telemetry.stop();
    let took = began.elapsed();
    assert!(took < Duration::from_secs(1), "{took:?}");
}
