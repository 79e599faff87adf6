use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

use geophone::snapshot::{Kind, Snapshot, Unit};
use geophone_test_support::client::Client;
use tokio::sync::Semaphore;

use crate::sample;
use crate::server::{Fake, PATIENCE, Running, eventually, get};

#[test]
fn requests_in_a_row_are_answered_in_their_order() {
    let server = Running::start(Fake::default(), |_| {});
    let mut client = Client::connect(server.address).unwrap();
    let request = |target: &str| format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n");
    client
        .send(&(request("/-/healthy") + &request("/metrics") + &request("/nowhere")))
        .unwrap();
    assert_eq!(
        client.response(false).unwrap().text(),
        "Geophone is healthy.\n"
    );
    assert!(client.response(false).unwrap().text().starts_with("# HELP"));
    assert_eq!(client.response(false).unwrap().status, 404);
    assert_eq!(client.get("/status", "").unwrap().status, 200);
}

#[test]
fn a_request_that_trickles_in_is_cut_off() {
    let server = Running::start(Fake::default(), |config| {
        config.limits.header_timeout = Duration::from_millis(100);
    });
    let mut silent = Client::connect(server.address).unwrap();
    assert!(silent.until_closed().unwrap().is_empty());

    let mut slow = Client::connect(server.address).unwrap();
    slow.send("GET /metrics HTTP/1.1\r\n").unwrap();
    let begin = Instant::now();
    // Every byte comes well before the limit; all of them together never end.
    while slow.send("X: y\r\n").is_ok() {
        assert!(begin.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(begin.elapsed() >= Duration::from_millis(100));
}

#[test]
fn a_kept_connection_may_rest_longer_than_a_header() {
    let server = Running::start(Fake::default(), |config| {
        config.limits.header_timeout = Duration::from_millis(50);
        config.limits.idle_timeout = Duration::from_millis(400);
    });
    // One is answered at once, the other while the server looks whether its client leaves.
    for target in ["/-/healthy", "/metrics"] {
        let mut client = Client::connect(server.address).unwrap();
        for _ in 0..2 {
            assert_eq!(client.get(target, "").unwrap().status, 200);
        }
        let begin = Instant::now();
        assert!(client.until_closed().unwrap().is_empty());
        let rested = begin.elapsed();
        assert!(rested > Duration::from_millis(300), "{target}: {rested:?}");
    }

    // The next request on a kept connection has the header's limit again.
    let server = Running::start(Fake::default(), |config| {
        config.limits.header_timeout = Duration::from_millis(50);
        config.limits.idle_timeout = 10 * PATIENCE;
    });
    let mut client = Client::connect(server.address).unwrap();
    assert_eq!(client.get("/-/healthy", "").unwrap().status, 200);
    client.send("GET / HT").unwrap();
    client.until_closed().unwrap();
}

/// 16 MiB: more than the kernel buffers for a connection.
fn large_page() -> Snapshot {
    let name = "x".repeat(1 << 20);
    let counters = sample::descriptor("geophone_x_total", Kind::Counter, Unit::None, &["a", "b"]);
    let numbers: Vec<String> = (0..16).map(|i| i.to_string()).collect();
    let series = numbers
        .iter()
        .map(|i| (vec![name.as_str(), i.as_str()], sample::count(1)))
        .collect();
    Snapshot {
        families: vec![sample::family(counters, series)],
        ..sample::snapshot(0)
    }
}

#[test]
fn a_client_that_does_not_read_is_dropped_with_its_page() {
    let server = Running::start(Fake::default(), |config| {
        config.limits.stall_timeout = Duration::from_millis(200);
    });
    *server.source.snapshot.lock().unwrap() = Arc::new(large_page());
    let in_flight = || server.counted("geophone_http_requests_in_flight", &[]);
    let mut client = Client::connect(server.address).unwrap();
    client
        .send("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        .unwrap();
    eventually("the scrape is served", || in_flight() > 0.5);
    eventually("the client is given up", || in_flight() < 0.5);
    assert!(client.until_closed().unwrap().len() < 16 << 20);
}

#[test]
fn a_client_that_reads_slowly_has_an_end_too() {
    let server = Running::start(Fake::default(), |config| {
        config.limits.write_timeout = Duration::from_millis(500);
    });
    *server.source.snapshot.lock().unwrap() = Arc::new(large_page());
    let mut client = Client::connect(server.address).unwrap();
    client
        .send("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        .unwrap();
    let begin = Instant::now();
    // Never stalled for long, and far from done in half a second.
    while client.read_some(16 * 1024).unwrap() > 0 {
        assert!(begin.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(2));
    }
    assert!(begin.elapsed() >= Duration::from_millis(500));
}

#[test]
fn large_pages_arrive_whole() {
    let server = Running::start(Fake::default(), |_| {});
    *server.source.snapshot.lock().unwrap() = Arc::new(large_page());
    let page = get(server.address, "/metrics", "").unwrap();
    assert_eq!(page.body.len() >> 20, 16);
    assert!(page.body.ends_with(b"b=\"15\"} 1\n"));
}

#[test]
fn heads_and_bodies_are_bounded() {
    let server = Running::start(Fake::default(), |_| {});
    let long = format!("X: {}\r\n", "y".repeat(32 * 1024));
    assert_eq!(get(server.address, "/metrics", &long).unwrap().status, 431);
    let mut many = String::new();
    for i in 0..100 {
        write!(many, "X-{i}: y\r\n").unwrap();
    }
    assert_eq!(get(server.address, "/metrics", &many).unwrap().status, 431);
    let target = format!("/metrics?{}", "y".repeat(32 * 1024));
    assert_eq!(get(server.address, &target, "").unwrap().status, 431);

    let mut malformed = Client::connect(server.address).unwrap();
    malformed.send("nonsense\r\n\r\n").unwrap();
    assert_eq!(malformed.response(false).unwrap().status, 400);
    malformed.until_closed().unwrap();
    let answered = |code| server.counted("geophone_http_requests_total", &["other", code]);
    eventually("the refused to be counted", || {
        (answered("431"), answered("400")) == (3.0, 1.0)
    });

    let small = get(server.address, "/-/healthy", "Content-Length: 2\r\n\r\n{}").unwrap();
    assert_eq!(small.status, 200);
    for body in ["Content-Length: 1025\r\n", "Transfer-Encoding: chunked\r\n"] {
        let mut client = Client::connect(server.address).unwrap();
        let refused = client.get("/metrics", body).unwrap();
        assert_eq!(
            (refused.status, refused.header("connection")),
            (413, Some("close")),
            "{body}"
        );
        client.until_closed().unwrap();
    }
}

fn evicted(server: &Running) -> f64 {
    server.counted("geophone_http_connections_evicted_total", &[])
}

fn refused(server: &Running) -> f64 {
    server.counted("geophone_http_connections_refused_total", &["limit"])
}

/// A client on a connection of its own, once it has been answered.
fn answered(server: &Running) -> Client {
    let mut client = Client::connect(server.address).unwrap();
    let begin = Instant::now();
    assert_eq!(client.get("/metrics", "").unwrap().status, 200);
    assert!(begin.elapsed() < Duration::from_secs(1));
    client
}

#[test]
fn at_the_limit_who_has_been_idle_longest_makes_room() {
    let server = Running::start(Fake::default(), |config| config.limits.connections = 8);
    let mut idle: Vec<Client> = (0..8).map(|_| answered(&server)).collect();
    // The second is now the one that asked least recently.
    assert_eq!(idle[0].get("/-/healthy", "").unwrap().status, 200);
    assert!(evicted(&server) < 0.5);

    let mut newcomer = answered(&server);
    assert!(idle.remove(1).until_closed().unwrap().is_empty());
    assert!((evicted(&server) - 1.0).abs() < 0.1);
    assert!(refused(&server) < 0.5);
    for client in idle.iter_mut().chain([&mut newcomer]) {
        assert_eq!(client.get("/-/healthy", "").unwrap().status, 200);
    }

    // Who leaves makes room, too.
    drop(idle.pop());
    eventually("a place comes free", || {
        let before = evicted(&server);
        drop(answered(&server));
        evicted(&server) <= before
    });
}

#[test]
fn at_the_limit_requests_that_do_not_arrive_make_room() {
    let server = Running::start(Fake::default(), |config| {
        config.limits.connections = 2;
        config.limits.header_timeout = 10 * PATIENCE;
    });
    let mut silent = Client::connect(server.address).unwrap();
    let mut half = Client::connect(server.address).unwrap();
    half.send("GET /metrics HTTP/1.1\r\n").unwrap();
    let newcomers = [answered(&server), answered(&server)];
    assert!(silent.until_closed().unwrap().is_empty());
    assert!(half.until_closed().unwrap().is_empty());
    assert!((evicted(&server) - 2.0).abs() < 0.1);
    drop(newcomers);
}

#[test]
fn a_request_in_progress_keeps_its_connection_at_the_limit() {
    let fake = Fake {
        gate: Semaphore::new(1),
        ..Fake::default()
    };
    let server = Running::start(fake, |config| config.limits.connections = 2);
    *server.source.snapshot.lock().unwrap() = Arc::new(large_page());
    let request = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";
    let mut reading = Client::connect(server.address).unwrap();
    reading.send(request).unwrap();
    let first = reading.read_some(1).unwrap();
    let mut waiting = Client::connect(server.address).unwrap();
    waiting.send(request).unwrap();
    eventually("both are being answered", || {
        server.source.asked.load(SeqCst) == 2
    });

    assert!(
        Client::connect(server.address)
            .unwrap()
            .until_closed()
            .unwrap()
            .is_empty()
    );
    assert!((refused(&server) - 1.0).abs() < 0.1);
    assert!(evicted(&server) < 0.5);

    server.source.gate.add_permits(1);
    assert_eq!(waiting.response(false).unwrap().body.len() >> 20, 16);
    let mut rest = first;
    while rest >> 20 < 16 {
        match reading.read_some(1 << 20).unwrap() {
            0 => panic!("closed after {rest} bytes"),
            some => rest += some,
        }
    }
}
