use std::net::TcpStream;
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

use geophone_test_support::client::Client;
use tokio::sync::Semaphore;

use crate::server::{Fake, Running, eventually};

#[test]
fn a_running_scrape_is_finished_and_nothing_new_is_taken() {
    let gate = Semaphore::new(0);
    let mut server = Running::start(
        Fake {
            gate,
            ..Fake::default()
        },
        |config| {
            config.limits.shutdown_grace = Duration::from_secs(30);
        },
    );
    let mut idle = Client::connect(server.address).unwrap();
    assert_eq!(idle.get("/-/healthy", "").unwrap().status, 200);
    let mut fresh = Client::connect(server.address).unwrap();
    let mut running = Client::connect(server.address).unwrap();
    running
        .send("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        .unwrap();
    eventually("the scrape runs", || server.source.asked.load(SeqCst) == 1);

    server.stop();
    assert!(idle.until_closed().unwrap().is_empty());
    assert!(fresh.until_closed().unwrap().is_empty());
    eventually("nobody listens", || {
        TcpStream::connect(server.address).is_err()
    });
    server.source.gate.add_permits(1);
    let response = running.response(false).unwrap();
    assert_eq!(response.status, 200);
    assert!(response.text().ends_with('\n'));
    running.until_closed().unwrap();
    server.join();
}

#[test]
fn a_scrape_without_end_does_not_hold_the_exit() {
    let gate = Semaphore::new(0);
    let mut server = Running::start(
        Fake {
            gate,
            ..Fake::default()
        },
        |_| {},
    );
    let mut running = Client::connect(server.address).unwrap();
    running
        .send("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        .unwrap();
    eventually("the scrape runs", || server.source.asked.load(SeqCst) == 1);
    let begin = Instant::now();
    server.join();
    assert!(
        begin.elapsed() < Duration::from_secs(1),
        "{:?}",
        begin.elapsed()
    );
    running.until_closed().unwrap();
}
