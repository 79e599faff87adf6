//! The daemon under a mixed load for a long time: it does not grow, and stays right.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use geophone_test_support::bracket::{Comparison, Reading, UNSEEN};
use geophone_test_support::client::Client;
use geophone_test_support::control_group::Group;
use geophone_test_support::daemon::{Daemon, Options};
use geophone_test_support::exposition::Exposition;
use geophone_test_support::load::busy::Busy;
use geophone_test_support::loop_device::LoopDevice;
use geophone_test_support::oracle::disk::Disk;
use geophone_test_support::oracle::schedule::switches;
use geophone_test_support::oracle::tcp::Tcp;
use geophone_test_support::scenario::block_io;

use super::load::Span;
use super::mixed::Mixed;
use super::slope::Series;
use super::watch::Watch;
use crate::sink;

/// How far memory and open files may grow along the line through what was measured, as a share of
/// its mean: what allocators and page sizes make of a few measurements.
const GROWTH: f64 = 0.03;
const OPENED: &str = "geophone_tcp_connections_opened_total";
const RETRANSMITTED: &str = "geophone_tcp_retransmitted_segments_total";
/// Groups that come and go.
const GROUPS: usize = 50;
/// Before this share of the time memory may grow: tables fill and buffers find their sizes.
const WARM_UP: f64 = 1.0 / 3.0;
const INTERVAL: Duration = Duration::from_secs(5);
/// Enough for a line through the rest.
const MEASUREMENTS: u32 = 40;

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

/// What is looked at again and again.
#[derive(Default)]
struct Measured {
    resident: Series,
    maps: Series,
    files: Series,
}

/// Runs for `time`; prints what was seen. Gives what is wrong.
pub fn run(binary: &Path, time: Duration) -> Result<Vec<String>> {
    let collector = sink::listen()?;
    let configuration = format!(
        "[modules.runqueue]\nper_cgroup = true\n[otlp]\ninterval = \"1s\"\n\
         [otlp.endpoints.default]\nendpoint = \"http://{collector}\"\n"
    );
    let daemon = Options::new(binary).configuration(&configuration).start()?;
    let mut client = daemon.client()?;
    let mut load = Mixed::start()?;
    block_io::until_exported(&mut client, &load.disk.name())?;
    // So that switches are those that the kernel counts.
    let cpus = Busy::yielding()?;
    let read = |client: &mut Client, load: &Mixed| {
        Reading::take(client, || {
            Ok(Kernel {
                switches: switches()?,
                tcp: Tcp::read(&[&load.wire.near, &load.wire.far])?,
                disk: Disk::read(&load.disk.name())?,
            })
        })
    };
    let from = read(&mut client, &load)?;
    let mut watch = Watch::default();
    let measured = watch_for(time, &daemon, &mut client, &mut watch)?;
    let stopped = load.stop();
    let to = read(&mut client, &load)?;
    drop(cpus);
    stopped?;

    let mut wrong = watch.falls;
    println!(
        "\nSoak of {} s: {} scrapes, the slowest {:.1} ms",
        time.as_secs(),
        watch.scrapes,
        watch.slowest.as_secs_f64() * 1e3
    );
    wrong.extend(measured.judge(time));
    let span = Span { from, to };
    for comparison in compare(&load.disk.name(), &span)? {
        println!("{comparison}");
        let unseen = UNSEEN * comparison.kernel.1;
        let outcome = comparison.nearly_equal(unseen, 1.0);
        wrong.extend(outcome.err().map(|error| error.to_string()));
    }
    wrong.extend(said(&daemon, &span.from.page, &span.to.page));
    Ok(wrong)
}

fn watch_for(
    time: Duration,
    daemon: &Daemon,
    client: &mut Client,
    watch: &mut Watch,
) -> Result<Measured> {
    let interval = INTERVAL.min(time / MEASUREMENTS);
    let mut measured = Measured::default();
    let mut visitors = None;
    let begin = Instant::now();
    while begin.elapsed() < time {
        let page = watch.look(client)?;
        let sum = |name: &str| page.sum(name, &[]).with_context(|| name.to_owned());
        let at = begin.elapsed().as_secs_f64();
        measured.resident.push(at, daemon.resident()? as f64);
        measured.maps.push(at, sum("geophone_map_bytes")?);
        measured.files.push(at, sum("process_open_fds")?);
        for format in FORMATS {
            let response = client.get("/metrics", format)?;
            ensure!(response.status == 200, "{format}: {}", response.status);
        }
        visitors = match visitors {
            None => Some(Visitors::come()?),
            Some(visitors) => {
                Visitors::go(visitors, client)?;
                None
            }
        };
        std::thread::sleep(interval);
    }
    Ok(measured)
}

/// A device and groups that are there for a while.
struct Visitors {
    device: LoopDevice,
    _groups: Vec<Group>,
}

impl Visitors {
    fn come() -> Result<Self> {
        Ok(Self {
            device: LoopDevice::new(1 << 20)?,
            _groups: (0..GROUPS).map(|_| Group::new()).collect::<Result<_>>()?,
        })
    }

    /// Returns when the daemon knows, so that what bears the name later is something else.
    fn go(self, client: &mut Client) -> Result<()> {
        let device = self.device.name();
        drop(self);
        block_io::until_gone(client, &device)
    }
}

impl Measured {
    /// Prints how each grows; gives those that may not.
    fn judge(&self, time: Duration) -> Vec<String> {
        let each = [
            ("resident memory", &self.resident),
            ("maps", &self.maps),
            ("open files", &self.files),
        ];
        let judge = |(what, series): (&str, &Series)| {
            let Some(slope) = series.slope_after(time.as_secs_f64() * WARM_UP) else {
                return Some(format!("{what}: too few measurements"));
            };
            let line = format!(
                "{what}: {:.0} on average, {:+.1} an hour, {:+.2} % from the first to the last",
                slope.mean,
                slope.per_second * 3600.0,
                slope.growth * 100.0
            );
            println!("{line}");
            (slope.growth > GROWTH).then_some(line)
        };
        each.into_iter().filter_map(judge).collect()
    }
}

fn compare(device: &str, span: &Span<Kernel>) -> Result<Vec<Comparison>> {
    let runqueue = |what, metric| {
        span.compare(what, "runqueue", (metric, &[]), |earlier, later| {
            (later.switches - earlier.switches) as f64
        })
    };
    let tcp = |what, metric, counter| {
        span.compare(what, "tcp", metric, |earlier: &Kernel, later: &Kernel| {
            later.tcp.since(&earlier.tcp, counter)
        })
    };
    let reads = [("device", device), ("operation", "read")];
    let requests = ("geophone_block_io_duration_seconds_count", &reads[..]);
    Ok(vec![
        runqueue("waits", "geophone_runqueue_wait_seconds_count")?,
        runqueue(
            "waits of all groups",
            "geophone_runqueue_cgroup_wait_seconds_count",
        )?,
        tcp(
            "active opens",
            (OPENED, &[("direction", "active")]),
            "Tcp.ActiveOpens",
        )?,
        tcp(
            "passive opens",
            (OPENED, &[("direction", "passive")]),
            "Tcp.PassiveOpens",
        )?,
        tcp(
            "retransmitted segments",
            (RETRANSMITTED, &[]),
            "Tcp.RetransSegs",
        )?,
        span.compare("read requests", "block_io", requests, |earlier, later| {
            (later.disk.read.requests - earlier.disk.read.requests) as f64
        })?,
    ])
}

/// What the daemon says of itself that is not good.
fn said(daemon: &Daemon, from: &Exposition, to: &Exposition) -> Vec<String> {
    let mut wrong = Vec::new();
    if from.module_states() != to.module_states() {
        wrong.push(format!(
            "{:?} became {:?}",
            from.module_states(),
            to.module_states()
        ));
    }
    for name in [
        "geophone_program_missed_runs_total",
        "geophone_partial_snapshots_total",
        "geophone_discovery_errors_total",
        "geophone_otlp_dropped_points_total",
    ] {
        println!("{name}: {}", to.sum(name, &[]).unwrap_or(0.0));
    }
    let log = daemon.log();
    let bad = |line: &&str| {
        [" WARN ", " ERROR "]
            .iter()
            .any(|level| line.contains(level))
    };
    wrong.extend(log.lines().filter(bad).map(str::to_owned));
    wrong
}
