//! Clients that mean no good, on the daemon itself: its memory stays bounded, and who scrapes as
//! one should is served meanwhile.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use geophone_test_support::client::Client;
use geophone_test_support::daemon::Options;
use geophone_test_support::open_files;
use rustix::process::Signal;
use socket2::SockRef;

use crate::{timed, turn};

const CROWD: usize = 1000;
const TIME: Duration = Duration::from_secs(8);

/// What a scraper may have to wait on a machine that its enemies share.
const PATIENCE: Duration = Duration::from_secs(1);

/// The same of a daemon that is not optimized, beside whatever else two processors do: what
/// Prometheus waits for, unless it is told otherwise.
const UNOPTIMIZED: Duration = Duration::from_secs(10);

/// What all of it may cost: the limit of connections, 512, times a head of 16 KiB and as much
/// for what hyper keeps; and pages that are being sent.
const MEMORY: u64 = 32 << 10;

/// As much of a response as a slow reader lets come, and how often it takes a little of it: each
/// time within the daemon's patience with who takes nothing, which is 10 s.
const WINDOW: usize = 4096;
const SIP: usize = 16;
const PAUSE: Duration = Duration::from_millis(200);

/// The end of the test, for which whoever pauses waits.
#[derive(Default)]
struct End {
    come: Mutex<bool>,
    told: Condvar,
}

impl End {
    fn has_come(&self) -> bool {
        *self.come.lock().unwrap()
    }

    fn come(&self) {
        *self.come.lock().unwrap() = true;
        self.told.notify_all();
    }

    /// Waits for it, and not longer than that; says whether it has come.
    fn within(&self, pause: Duration) -> bool {
        let come = self.come.lock().unwrap();
        let waited = self.told.wait_timeout_while(come, pause, |come| !*come);
        *waited.unwrap().0
    }
}

/// Where an enemy is, and what its kind has done.
struct Field<'a> {
    address: SocketAddr,
    end: &'a End,
    connections: &'a AtomicU64,
    deeds: &'a AtomicU64,
}

impl Field<'_> {
    fn connect(&self) -> Result<TcpStream> {
        let stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(PAUSE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        self.connections.fetch_add(1, Relaxed);
        Ok(stream)
    }

    fn done(&self) {
        self.deeds.fetch_add(1, Relaxed);
    }
}

/// Takes so many bytes, or waits for a pause; says whether the server has closed the connection,
/// and else how much came.
fn take(stream: &mut TcpStream, bytes: &mut [u8]) -> Option<usize> {
    match stream.read(bytes) {
        Ok(0) => None,
        Ok(read) => Some(read),
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
            Some(0)
        }
        Err(_) => None,
    }
}

/// One that never says anything. Counts when the server has had enough.
fn silent(field: &Field<'_>) -> Result<()> {
    let mut stream = field.connect()?;
    while !field.end.has_come() {
        if take(&mut stream, &mut [0]).is_none() {
            field.done();
            break;
        }
    }
    Ok(())
}

/// One that never finishes its request. Counts lines of it.
fn slow_writer(field: &Field<'_>) -> Result<()> {
    let mut stream = field.connect()?;
    stream.write_all(b"GET /metrics HTTP/1.1\r\n")?;
    while !field.end.has_come() && take(&mut stream, &mut [0; 512]).is_some() {
        stream.write_all(b"X: y\r\n")?;
        field.done();
    }
    Ok(())
}

/// One that asks, and hardly takes the answer. Counts bytes of it.
fn slow_reader(field: &Field<'_>) -> Result<()> {
    let mut stream = field.connect()?;
    SockRef::from(&stream).set_recv_buffer_size(WINDOW)?;
    stream.write_all(&b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n".repeat(100))?;
    while !field.end.within(PAUSE)
        && let Some(taken) = take(&mut stream, &mut [0; SIP])
    {
        field.deeds.fetch_add(taken as u64, Relaxed);
    }
    Ok(())
}

/// One whose request has no bounds. Counts when the server has had enough.
fn oversize(field: &Field<'_>) -> Result<()> {
    let mut stream = field.connect()?;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nX: ")?;
    while !field.end.has_come() {
        if stream.write_all(&[b'y'; 4096]).is_err() {
            field.done();
            break;
        }
    }
    Ok(())
}

/// One that has said all it will say, and takes the answer. Counts whole ones.
fn half_closed(field: &Field<'_>) -> Result<()> {
    let mut stream = field.connect()?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")?;
    stream.shutdown(Shutdown::Write)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, page) = answer.split_once("\r\n\r\n").unwrap_or_default();
    let length = format!("content-length: {}", page.len());
    if head.starts_with("HTTP/1.1 200 ") && head.lines().any(|line| line == length) {
        field.done();
    }
    Ok(())
}

/// One that takes a whole page as often as it can. Counts them.
fn storm(field: &Field<'_>) -> Result<()> {
    let mut client = Client::connect(field.address)?;
    field.connections.fetch_add(1, Relaxed);
    while !field.end.has_come() {
        let response = client.get("/metrics", "")?;
        ensure!(response.status == 200, "{}", response.status);
        field.done();
    }
    Ok(())
}

/// Those who do the same.
struct Kind {
    name: &'static str,
    /// At a time.
    count: usize,
    act: fn(&Field<'_>) -> Result<()>,
    /// What all of them must have come to: connections, and what they count.
    least: (u64, u64),
    connections: AtomicU64,
    deeds: AtomicU64,
}

impl Kind {
    /// Does it again and again, over a new connection each time.
    fn plague(&self, address: SocketAddr, end: &End) {
        let field = Field {
            address,
            end,
            connections: &self.connections,
            deeds: &self.deeds,
        };
        while !end.has_come() {
            // The server's refusals are what is expected.
            let _ = (self.act)(&field);
        }
    }
}

const fn kind(
    name: &'static str,
    count: usize,
    act: fn(&Field<'_>) -> Result<()>,
    least: (u64, u64),
) -> Kind {
    let (connections, deeds) = (AtomicU64::new(0), AtomicU64::new(0));
    Kind {
        name,
        count,
        act,
        least,
        connections,
        deeds,
    }
}

/// Slow readers, who hold places of those that scrapes have, which are 40: so many that the rest
/// have few, and not so many that they are told so, with 503.
const READERS: usize = 24;

/// The daemon waits 5 s for a request, so that who sends none, or not all of one, comes twice.
fn enemies() -> [Kind; 6] {
    [
        kind("silent", 4, silent, (8, 4)),
        kind("slow to write", 4, slow_writer, (8, 40)),
        kind("slow to read", READERS, slow_reader, (24, 3000)),
        kind("oversize", 4, oversize, (8, 8)),
        kind("half closed", 4, half_closed, (8, 8)),
        kind("storm", 4, storm, (4, 8)),
    ]
}

/// How long a scrape takes, over a new connection; and the scrapes that ran then.
fn scrape(address: SocketAddr) -> (Duration, f64) {
    let begin = Instant::now();
    let page = Client::connect(address).unwrap().metrics().unwrap();
    let time = begin.elapsed();
    let running = page.sum("geophone_http_requests_in_flight", &[]);
    (time, running.unwrap())
}

#[test]
fn a_scraper_among_enemies_is_served_in_time() {
    let Some(_turn) = turn() else { return };
    // For the crowd's sockets.
    open_files::allow(4 * CROWD as u64).unwrap();
    let (binary, optimized) = timed();
    let patience = if optimized { PATIENCE } else { UNOPTIMIZED };
    let mut daemon = Options::new(binary).start().unwrap();
    let address = daemon.address();
    let (quiet, _) = (0..10)
        .map(|_| scrape(address))
        .max_by_key(|it| it.0)
        .unwrap();
    let before = daemon.peak().unwrap() >> 10;
    let (end, enemies) = (End::default(), enemies());
    let mut scrapes = Vec::new();
    thread::scope(|scope| {
        // More than the daemon holds at a time.
        let crowd: Vec<TcpStream> = (0..CROWD)
            .filter_map(|_| TcpStream::connect(address).ok())
            .collect();
        assert_eq!(crowd.len(), CROWD);
        for kind in &enemies {
            for _ in 0..kind.count {
                let end = &end;
                scope.spawn(move || kind.plague(address, end));
            }
        }
        let begin = Instant::now();
        let scraped = std::panic::catch_unwind(|| {
            let mut scrapes = Vec::new();
            while begin.elapsed() < TIME {
                scrapes.push(scrape(address));
            }
            scrapes
        });
        end.come();
        scrapes = scraped.unwrap();
    });
    let after = daemon.peak().unwrap() >> 10;
    let (longest, _) = scrapes.iter().max_by_key(|it| it.0).unwrap();
    let running = scrapes.iter().map(|it| it.1).fold(0.0, f64::max);
    println!(
        "{} scrapes, the longest {longest:?} ({quiet:?} before), beside {running} others and {CROWD} connections; \
         peak {before} kB, then {after} kB",
        scrapes.len()
    );
    for kind in &enemies {
        let [connections, deeds] = [&kind.connections, &kind.deeds].map(|it| it.load(Relaxed));
        println!("{}: {connections} connections, {deeds} deeds", kind.name);
        let (few, little) = kind.least;
        assert!(
            connections >= few && deeds >= little,
            "at least {few}, {little}"
        );
    }
    assert!(running > READERS as f64, "the slow readers were served");
    assert!(*longest < patience, "{longest:?}, {quiet:?} before");
    assert!(after - before < MEMORY, "{before} kB, then {after} kB");
    let (status, time) = daemon.stop(Signal::TERM).unwrap();
    assert!(status.success() && time < patience, "{status}, {time:?}");
}
