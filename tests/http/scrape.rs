use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use flate2::read::GzDecoder;
use geophone::export::prometheus::{Exposition, Format, encode};
use geophone::snapshot::{Kind, Snapshot, Unit, Value};
use geophone_test_support::client::Client;
use tokio::sync::Semaphore;

use crate::sample;
use crate::server::{Fake, Running, eventually, get};

#[test]
fn the_format_is_the_one_preferred() {
    let server = Running::start(Fake::default(), |_| {});
    let mut client = Client::connect(server.address).unwrap();
    let protobuf = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;\
                    encoding=delimited;q=0.6";
    let openmetrics = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5";
    let cases = [
        (
            format!("{openmetrics},{protobuf},*/*;q=0.1"),
            Format::Protobuf(None),
        ),
        (
            format!("{openmetrics},text/plain;q=0.4"),
            Format::OpenMetrics100(geophone::export::prometheus::Escaping::AllowUtf8),
        ),
        ("application/json".to_owned(), Format::Text004),
        ("q=;;,,\"".to_owned(), Format::Text004),
    ];
    for (accept, format) in cases {
        let response = client
            .get("/metrics", &format!("Accept: {accept}\r\n"))
            .unwrap();
        assert_eq!(
            response.header("content-type"),
            Some(format.content_type()),
            "{accept}"
        );
        assert_eq!(response.header("vary"), Some("Accept, Accept-Encoding"));
        let expected = encode(format, &sample::families(1000), &Exposition::default()).unwrap();
        assert_eq!(response.body, expected, "{accept}");
    }
}

#[test]
fn pages_are_packed_for_those_who_ask() {
    let server = Running::start(Fake::default(), |_| {});
    let mut client = Client::connect(server.address).unwrap();
    let plain = client.get("/metrics", "").unwrap();
    assert_eq!(plain.header("content-encoding"), None);
    let refused = client
        .get("/metrics", "Accept-Encoding: gzip;q=0\r\n")
        .unwrap();
    assert_eq!(refused.body, plain.body);

    let packed = client.get("/metrics", "Accept-Encoding: gzip\r\n").unwrap();
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    assert!(packed.body.len() < plain.body.len() / 3);
    let mut unpacked = Vec::new();
    GzDecoder::new(&packed.body[..])
        .read_to_end(&mut unpacked)
        .unwrap();
    assert_eq!(unpacked, plain.body);

    *server.source.snapshot.lock().unwrap() = Arc::new(Snapshot {
        families: sample::families(1000).into_iter().take(1).collect(),
        ..sample::snapshot(0)
    });
    let small = client.get("/metrics", "Accept-Encoding: gzip\r\n").unwrap();
    assert_eq!(small.header("content-encoding"), None);
}

#[test]
fn scrapes_select_modules() {
    let server = Running::start(Fake::default(), |_| {});
    let mut client = Client::connect(server.address).unwrap();
    let only = client.get("/metrics?collect%5B%5D=tcp", "").unwrap();
    assert!(only.text().contains("geophone_tcp_"));
    assert!(!only.text().contains("geophone_runqueue_"));
    assert!(
        only.text().contains("geophone_build_info"),
        "own metrics are always there"
    );
    let except = client
        .get("/metrics?exclude[]=tcp&exclude[]=block_io", "")
        .unwrap();
    assert!(!except.text().contains("geophone_tcp_"));
    assert!(!except.text().contains("geophone_block_io_"));
    assert!(except.text().contains("geophone_runqueue_"));

    for (query, text) in [
        ("collect[]=tpc", "did you mean \"tcp\"?"),
        (
            "collect[]=tcp&exclude[]=block_io",
            "cannot be used together",
        ),
        ("collect[]=%zz", "percent sign"),
        ("collect=tcp", "write collect[]=tcp"),
    ] {
        let refused = client.get(&format!("/metrics?{query}"), "").unwrap();
        assert_eq!(refused.status, 400, "{query}");
        assert!(refused.text().contains(text), "{}", refused.text());
    }
    let strange = client.get("/metrics?%zz", "").unwrap();
    assert_eq!(strange.status, 200, "{}", strange.text());
}

#[test]
fn the_scrapers_timeout_becomes_a_deadline() {
    let server = Running::start(Fake::default(), |_| {});
    let budget = |headers: &str| {
        get(server.address, "/metrics", headers).unwrap();
        *server.source.budget.lock().unwrap()
    };
    assert_eq!(budget(""), None);
    assert_eq!(
        budget("X-Prometheus-Scrape-Timeout-Seconds: soon\r\n"),
        None
    );
    let left = budget("X-Prometheus-Scrape-Timeout-Seconds: 10\r\n").unwrap();
    assert!(
        left <= Duration::from_millis(9500) && left > Duration::from_secs(8),
        "{left:?}"
    );
}

#[test]
fn scrapes_beyond_the_limit_are_told_to_come_again() {
    let gate = Semaphore::new(0);
    let server = Running::start(
        Fake {
            gate,
            ..Fake::default()
        },
        |config| {
            config.max_requests = 2;
        },
    );
    let mut waiting: Vec<Client> = (0..2)
        .map(|_| {
            let mut client = Client::connect(server.address).unwrap();
            client
                .send("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
                .unwrap();
            client
        })
        .collect();
    eventually("both scrapes wait", || {
        server.source.asked.load(SeqCst) == 2
    });
    let refused = get(server.address, "/metrics", "").unwrap();
    assert_eq!(
        (refused.status, refused.header("retry-after")),
        (503, Some("1"))
    );
    assert_eq!(
        get(server.address, "/-/healthy", "").unwrap().status,
        200,
        "only scrapes are limited"
    );
    assert!((server.counted("geophone_http_requests_in_flight", &[]) - 2.0).abs() < 0.1);

    server.source.gate.add_permits(3);
    for client in &mut waiting {
        assert_eq!(client.response(false).unwrap().status, 200);
    }
    assert_eq!(get(server.address, "/metrics", "").unwrap().status, 200);
    eventually("all places are free", || {
        server.counted("geophone_http_requests_in_flight", &[]) < 0.5
    });
}

#[test]
fn a_client_that_leaves_frees_its_place() {
    let gate = Semaphore::new(0);
    let server = Running::start(
        Fake {
            gate,
            ..Fake::default()
        },
        |config| {
            config.max_requests = 1;
        },
    );
    let mut client = Client::connect(server.address).unwrap();
    client
        .send("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        .unwrap();
    eventually("the scrape waits", || server.source.asked.load(SeqCst) == 1);
    drop(client);
    eventually("its place is free", || {
        server.counted("geophone_http_requests_in_flight", &[]) < 0.5
    });
}

#[test]
fn a_sweep_without_end_does_not_hold_a_scrape() {
    let gate = Semaphore::new(0);
    let server = Running::start(
        Fake {
            gate,
            ..Fake::default()
        },
        |config| {
            config.limits.scrape_timeout = Duration::from_millis(50);
        },
    );
    let ended = get(server.address, "/metrics", "").unwrap();
    assert_eq!(ended.status, 503);
    assert!(ended.text().contains("did not end in time"));
}

#[test]
fn what_cannot_be_encoded_is_an_error_that_names_the_metric() {
    let server = Running::start(Fake::default(), |_| {});
    let gauge = sample::descriptor("geophone_x", Kind::Gauge, Unit::None, &["a"]);
    *server.source.snapshot.lock().unwrap() = Arc::new(Snapshot {
        families: vec![sample::family(gauge, vec![(vec![], Value::Gauge(1.0))])],
        ..sample::snapshot(0)
    });
    let failed = get(server.address, "/metrics", "").unwrap();
    assert_eq!(failed.status, 500);
    assert!(failed.text().contains("geophone_x: "), "{}", failed.text());
}

#[test]
fn outcomes_are_counted_and_can_be_exposed() {
    let server = Running::start(Fake::default(), |_| {});
    let mut client = Client::connect(server.address).unwrap();
    for target in [
        "/metrics",
        "/metrics",
        "/metrics?collect[]=x",
        "/",
        "/nowhere",
    ] {
        client.get(target, "").unwrap();
    }
    client
        .request("POST", "/metrics", "Content-Length: 0\r\n")
        .unwrap();
    for (labels, count) in [
        (["metrics", "200"], 2.0),
        (["metrics", "400"], 1.0),
        (["metrics", "405"], 1.0),
        (["metrics", "503"], 0.0),
        (["landing", "200"], 1.0),
        (["other", "404"], 1.0),
    ] {
        let found = server.counted("geophone_http_requests_total", &labels);
        assert!((found - count).abs() < 0.1, "{labels:?}: {found}");
    }
    let page = encode(
        Format::Text004,
        &server.counters.families(),
        &Exposition::default(),
    );
    let page = String::from_utf8(page.unwrap()).unwrap();
    for line in [
        "geophone_http_requests_total{handler=\"metrics\",code=\"500\"} 0",
        "geophone_http_connections_refused_total{reason=\"limit\"} 0",
    ] {
        assert!(page.contains(line), "{page}");
    }
}
