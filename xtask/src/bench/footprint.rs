//! Start, memory and size of the daemon with all its modules.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use geophone_test_support::daemon::Options;

use super::median;
use crate::row::Row;

const STARTS: usize = 5;
/// How often it is scraped while it settles, as a Prometheus would.
const SCRAPE_INTERVAL: Duration = Duration::from_secs(5);

pub fn measure(binary: &Path, settle: Duration) -> Result<Vec<Row>> {
    let mut starts = Vec::with_capacity(STARTS);
    for _ in 0..STARTS {
        starts.push(first_scrape(binary)?);
    }
    let daemon = Options::new(binary).start()?;
    let mut client = daemon.client()?;
    let begin = Instant::now();
    while begin.elapsed() < settle {
        std::thread::sleep(SCRAPE_INTERVAL.min(settle.saturating_sub(begin.elapsed())));
        client.metrics()?;
    }
    let maps = client
        .metrics()?
        .sum("geophone_map_bytes", &[])
        .unwrap_or(f64::NAN);
    let size = fs::metadata(binary)?.len();
    let memory = format!("resident memory after {} s", settle.as_secs());
    Ok(vec![
        Row::time("start to first scrape", median(starts)).budget(300.0),
        Row::memory(memory, daemon.resident()? as f64).budget(12.0),
        Row::memory("eBPF maps", maps).budget(4.0),
        Row::memory("binary", size as f64).budget(8.0),
    ])
}

fn first_scrape(binary: &Path) -> Result<Duration> {
    let daemon = Options::new(binary).start()?;
    let ready = Instant::now();
    daemon.client()?.metrics()?;
    Ok(daemon.start + ready.elapsed())
}
