//! The daemon under a mixed load for a long time: it does not grow, and stays right.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use geophone_test_support::bracket::Reading;
use geophone_test_support::client::Client;
use geophone_test_support::daemon::{Daemon, Options};
use geophone_test_support::exposition::Exposition;
use geophone_test_support::load::busy::Busy;
use geophone_test_support::oracle::disk::Disk;
use geophone_test_support::oracle::schedule::switches;
use geophone_test_support::oracle::tcp::Tcp;
use geophone_test_support::scenario::block_io;

use super::held::{Held, Span};
use super::measured::Measured;
use super::mixed::Mixed;
use super::quality;
use super::visitors::Visitors;
use super::watch::Watch;
use crate::sink;

const OPENED: &str = "geophone_tcp_connections_opened_total";
const RETRANSMITTED: &str = "geophone_tcp_retransmitted_segments_total";
const PUSHED: &str = "geophone_otlp_sent_points_total";
const DROPPED: &str = "geophone_otlp_dropped_points_total";

const INTERVAL: Duration = Duration::from_secs(5);
/// Enough for a line through the last of them.
const MEASUREMENTS: u32 = 60;

/// What a page is also asked for as.
const FORMATS: [&str; 2] = [
    "Accept: application/openmetrics-text; version=1.0.0\r\nAccept-Encoding: gzip\r\n",
    "Accept: application/vnd.google.protobuf; \
     proto=io.prometheus.client.MetricFamily; encoding=delimited\r\n",
];

/// What the kernel counts of the load.
struct Kernel {
    switches: u64,
    tcp: Tcp,
    disk: Disk,
}

/// Runs for `time`; prints what was seen. Gives what is wrong.
pub fn run(binary: &Path, time: Duration) -> Result<Vec<String>> {
    let collector = sink::listen()?;
    let configuration = format!(
        "[modules.runqueue]\nper_cgroup = true\n[otlp]\ninterval = \"1s\"\n\
         [otlp.endpoints.default]\nendpoint = \"http://{collector}\"\n"
    );
    let daemon = Options::new(binary).configuration(&configuration).start()?;
    live(&daemon, time).with_context(|| format!("the daemon said:\n{}", daemon.log()))
}

fn live(daemon: &Daemon, time: Duration) -> Result<Vec<String>> {
    let mut client = daemon.client()?;
    let mut load = Mixed::start()?;
    let disk = load.disk.name();
    block_io::until_exported(&mut client, &disk)?;
    // So that switches are those that the kernel counts.
    let cpus = Busy::yielding()?;
    let begin = Instant::now();
    let from = read(&mut client, &load)?;
    let mut watch = Watch::default();
    let mut measured = Measured::default();
    let watched = watch_for(
        time,
        daemon,
        &mut client,
        &load,
        (&mut watch, &mut measured),
    );
    load.stop()?;
    watched?;
    let to = read(&mut client, &load)?;
    drop(cpus);
    let span = Span {
        from,
        to,
        time: begin.elapsed(),
    };
    println!("\nSoak of {} s: {watch}", time.as_secs());
    let mut wrong = watch.falls;
    wrong.extend(measured.judge(time));
    for held in compare(&disk, &span)? {
        println!("{held}");
        wrong.extend(held.fault());
    }
    wrong.extend(quality::faults(daemon, &span.to.page)?);
    wrong.extend(quality::warnings(daemon, &span.to.page));
    wrong.extend(faults(&span.from.page, &span.to.page));
    Ok(wrong)
}

fn read(client: &mut Client, load: &Mixed) -> Result<Reading<Kernel>> {
    Reading::take(client, || {
        Ok(Kernel {
            switches: switches()?,
            tcp: Tcp::read(&[&load.wire.near, &load.wire.far])?,
            disk: Disk::read(&load.disk.name())?,
        })
    })
}

fn watch_for(
    time: Duration,
    daemon: &Daemon,
    client: &mut Client,
    load: &Mixed,
    (watch, measured): (&mut Watch, &mut Measured),
) -> Result<()> {
    let interval = INTERVAL.min(time / MEASUREMENTS);
    let mut visitors = None;
    let begin = Instant::now();
    while begin.elapsed() < time {
        load.goes_on()?;
        let page = watch.look(client)?;
        // Always of the same: those who come and go are not there.
        if visitors.is_none() {
            measured.look(begin.elapsed().as_secs_f64(), daemon, &page)?;
        }
        for format in FORMATS {
            let response = client.get("/metrics", format)?;
            ensure!(response.status == 200, "{format}: {}", response.status);
        }
        visitors = match visitors {
            None => Some(Visitors::come(client)?),
            Some(visitors) => {
                Visitors::go(visitors, client)?;
                None
            }
        };
        std::thread::sleep(interval);
    }
    Ok(())
}

fn compare(device: &str, span: &Span<Kernel>) -> Result<Vec<Held>> {
    let waits = ("geophone_runqueue_wait_seconds_count", &[][..]);
    let waits = span.same("waits", "runqueue", waits, |earlier, later| {
        (later.switches - earlier.switches) as f64
    })?;
    let tcp = |what, metric, counter| {
        let same = span.same(what, "tcp", metric, |earlier: &Kernel, later: &Kernel| {
            later.tcp.since(&earlier.tcp, counter)
        });
        same.map(Held::but_untold)
    };
    let (active, passive) = ([("direction", "active")], [("direction", "passive")]);
    let reads = [("device", device), ("operation", "read")];
    let reads = ("geophone_block_io_duration_seconds_count", &reads[..]);
    let reads = span.same("read requests", "block_io", reads, |earlier, later| {
        (later.disk.read.requests - earlier.disk.read.requests) as f64
    })?;
    Ok(vec![
        waits.but_unseen(span),
        reads.but_unseen(span),
        tcp("active opens", (OPENED, &active[..]), "Tcp.ActiveOpens")?,
        tcp("passive opens", (OPENED, &passive[..]), "Tcp.PassiveOpens")?,
        tcp(
            "retransmitted segments",
            (RETRANSMITTED, &[]),
            "Tcp.RetransSegs",
        )?,
    ])
}

/// What is not as it was, or as it should be.
fn faults(from: &Exposition, to: &Exposition) -> Vec<String> {
    let mut faults = Vec::new();
    let (before, after) = (from.module_states(), to.module_states());
    if before != after {
        faults.push(format!("{before:?} became {after:?}"));
    }
    println!("missed runs: {:?}", quality::missed(to));
    if to.sum(PUSHED, &[]) <= from.sum(PUSHED, &[]) {
        faults.push("nothing was pushed".to_owned());
    }
    let dropped = to.sum(DROPPED, &[]);
    if dropped.is_some_and(|dropped| dropped > 0.0) {
        faults.push(format!("{dropped:?} points were dropped"));
    }
    faults
}
