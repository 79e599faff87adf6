//! Clients that mean no good, on the daemon itself: its memory stays bounded, and who scrapes as
//! one should is served meanwhile.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use geophone_test_support::client::Client;
use geophone_test_support::daemon::{Daemon, Options};
use rustix::process::{Resource, Rlimit, Signal, getrlimit, setrlimit};

use crate::{BINARY, turn};

const CROWD: usize = 1000;
const TIME: Duration = Duration::from_secs(8);

/// What a scraper may have to wait, on a machine that its enemies share; or so many times what it
/// waits without them, where a slow build on a busy machine takes long for that already.
const PATIENCE: Duration = Duration::from_secs(1);
const TIMES: u32 = 50;

/// What all of it may cost: the limit of connections, 512, times a head of 16 KiB and as much
/// for what hyper keeps; and pages that are being sent.
const MEMORY: u64 = 32 << 10;

/// Peak of the daemon's memory, in kB.
fn peak(daemon: &Daemon) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", daemon.id())).unwrap();
    let field = status.lines().find_map(|it| it.strip_prefix("VmHWM:"));
    let value = field.and_then(|it| it.trim().strip_suffix(" kB"));
    value.unwrap().parse().unwrap()
}

/// Room for the crowd's sockets in this process.
fn allow_descriptors(count: u64) {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let current = current.map(|current| current.max(count));
    setrlimit(Resource::Nofile, Rlimit { current, maximum }).unwrap();
}

/// One that never says anything.
fn silent(stream: &mut TcpStream, _: &AtomicBool) -> std::io::Result<()> {
    stream.read(&mut [0]).map(drop)
}

/// One that never finishes its request.
fn slow_writer(stream: &mut TcpStream, ended: &AtomicBool) -> std::io::Result<()> {
    stream.write_all(b"GET /metrics HTTP/1.1\r\n")?;
    stream.set_read_timeout(Some(Duration::from_millis(50)))?;
    while !ended.load(Relaxed) {
        stream.write_all(b"X: y\r\n")?;
        if matches!(stream.read(&mut [0; 512]), Ok(0)) {
            break;
        }
    }
    Ok(())
}

/// One that asks, and does not take the answer.
fn slow_reader(stream: &mut TcpStream, ended: &AtomicBool) -> std::io::Result<()> {
    stream.write_all(&b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n".repeat(100))?;
    stream.set_read_timeout(Some(Duration::from_millis(200)))?;
    while !ended.load(Relaxed) && stream.read(&mut [0; 16])? > 0 {}
    Ok(())
}

/// One whose request has no bounds.
fn oversize(stream: &mut TcpStream, ended: &AtomicBool) -> std::io::Result<()> {
    stream.write_all(b"GET /metrics HTTP/1.1\r\nX: ")?;
    while !ended.load(Relaxed) {
        stream.write_all(&[b'y'; 4096])?;
    }
    Ok(())
}

/// One that has said all it will say, and takes the answer.
fn half_closed(stream: &mut TcpStream, _: &AtomicBool) -> std::io::Result<()> {
    stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")?;
    stream.shutdown(Shutdown::Write)?;
    stream.read_to_end(&mut Vec::new()).map(drop)
}

/// One that takes a whole page as often as it can.
fn storm(stream: &mut TcpStream, ended: &AtomicBool) -> std::io::Result<()> {
    let mut page = vec![0; 1 << 16];
    while !ended.load(Relaxed) {
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")?;
        if stream.read(&mut page)? == 0 {
            break;
        }
    }
    Ok(())
}

type Enemy = fn(&mut TcpStream, &AtomicBool) -> std::io::Result<()>;

/// Does it again and again, over a new connection each time.
fn plague(address: SocketAddr, enemy: Enemy, ended: &AtomicBool, connections: &AtomicU64) {
    while !ended.load(Relaxed) {
        // The server's refusals are what is expected.
        let Ok(mut stream) = TcpStream::connect(address) else {
            continue;
        };
        connections.fetch_add(1, Relaxed);
        let _ = stream.set_read_timeout(Some(PATIENCE));
        let _ = stream.set_write_timeout(Some(PATIENCE));
        let _ = enemy(&mut stream, ended);
    }
}

/// How long a scrape takes, over a new connection.
fn scrape(address: SocketAddr) -> Duration {
    let begin = Instant::now();
    let response = Client::connect(address).unwrap().get("/metrics", "");
    assert_eq!(response.unwrap().status, 200);
    begin.elapsed()
}

#[test]
fn a_scraper_among_enemies_is_served_within_a_second() {
    let Some(_turn) = turn() else { return };
    allow_descriptors(4 * CROWD as u64);
    let mut daemon = Options::new(BINARY).start().unwrap();
    let address = daemon.address();
    let quiet = (0..10).map(|_| scrape(address)).max().unwrap();
    let before = peak(&daemon);
    let (ended, connections) = (AtomicBool::new(false), AtomicU64::new(0));
    let mut longest = Duration::ZERO;
    let mut scrapes = 0;
    thread::scope(|scope| {
        // More than the daemon holds at a time.
        let crowd: Vec<TcpStream> = (0..CROWD)
            .filter_map(|_| TcpStream::connect(address).ok())
            .collect();
        assert_eq!(crowd.len(), CROWD);
        let enemies: [Enemy; 6] = [
            silent,
            slow_writer,
            slow_reader,
            oversize,
            half_closed,
            storm,
        ];
        for enemy in enemies.repeat(4) {
            let (ended, connections) = (&ended, &connections);
            scope.spawn(move || plague(address, enemy, ended, connections));
        }
        let begin = Instant::now();
        let scraped = std::panic::catch_unwind(|| {
            let mut longest = Duration::ZERO;
            let mut scrapes = 0_u32;
            while begin.elapsed() < TIME {
                longest = longest.max(scrape(address));
                scrapes += 1;
            }
            (longest, scrapes)
        });
        ended.store(true, Relaxed);
        (longest, scrapes) = scraped.unwrap();
    });
    let after = peak(&daemon);
    println!(
        "{scrapes} scrapes, the longest {longest:?} ({quiet:?} before), beside {} connections and {CROWD} at once; \
         peak {before} kB, then {after} kB",
        connections.into_inner()
    );
    assert!(
        longest < PATIENCE.max(TIMES * quiet),
        "{longest:?}, {quiet:?} before"
    );
    assert!(after - before < MEMORY, "{before} kB, then {after} kB");
    let (status, time) = daemon.stop(Signal::TERM).unwrap();
    assert!(status.success() && time < PATIENCE, "{status}, {time:?}");
}
