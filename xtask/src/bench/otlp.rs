//! What pushing costs: encoding, and memory beside a daemon that does not push.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use geophone_test_support::daemon::Options;

use crate::command::{cargo, text};
use crate::row::{Row, Unit};
use crate::sink;

/// How often both daemons are scraped, as a Prometheus would.
const SCRAPE_INTERVAL: Duration = Duration::from_secs(5);

/// What the speed test calls the encoding.
const ENCODING: &str = "OTLP, Exponential: ";

pub fn measure(root: &Path, binary: &Path, settle: Duration) -> Result<Vec<Row>> {
    let mut test = cargo();
    test.args([
        "test",
        "--release",
        "--package",
        "geophone",
        "--test",
        "exposition",
    ])
    .args(["--", "--ignored", "--nocapture", "speed"])
    .current_dir(root);
    let said = text(&mut test)?;
    let time = said
        .lines()
        .find_map(|line| line.strip_prefix(ENCODING)?.split(' ').next())
        .context("the speed test says nothing of OTLP")?;
    let (milliseconds, _) = time
        .split_once("ms")
        .with_context(|| format!("{time} is no number of milliseconds"))?;
    let (without, with, per_point) = memory(binary, settle)?;
    let more = (with as f64 - without as f64) / f64::from(1 << 20);
    Ok(vec![
        Row::new(
            "encoding 10,000 points",
            milliseconds.parse()?,
            Unit::Milliseconds,
        )
        .budget(10.0),
        Row::new(
            "encoding and compressing a point in the daemon",
            per_point,
            Unit::Nanoseconds,
        ),
        Row::new("resident memory more than without", more, Unit::Mebibytes).budget(3.0),
    ])
}

/// Resident bytes of a daemon that does not push, of one that does once a second, and the
/// nanoseconds that encoding a point took there.
fn memory(binary: &Path, settle: Duration) -> Result<(u64, u64, f64)> {
    let collector = sink::listen()?;
    let section = format!(
        "[otlp]\ninterval = \"1s\"\n[otlp.endpoints.default]\nendpoint = \"http://{collector}\"\n"
    );
    let without = Options::new(binary).start()?;
    let with = Options::new(binary).configuration(&section).start()?;
    let begin = Instant::now();
    let (mut one, mut other) = (without.client()?, with.client()?);
    while begin.elapsed() < settle {
        one.metrics()?;
        other.metrics()?;
        std::thread::sleep(SCRAPE_INTERVAL.min(settle.saturating_sub(begin.elapsed())));
    }
    let page = other.metrics()?;
    let points = page
        .sum("geophone_otlp_sent_points_total", &[])
        .unwrap_or(0.0);
    let seconds = page
        .sum("geophone_otlp_encode_seconds_total", &[])
        .unwrap_or(0.0);
    ensure!(points > 0.0, "nothing was pushed: {}", with.log());
    let nanoseconds = seconds * 1e9 / points;
    Ok((without.resident()?, with.resident()?, nanoseconds))
}
