//! Time of a scrape by the number of samples on the page.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use geophone_test_support::daemon::{Daemon, Options};
use geophone_test_support::wait;

use super::median;
use crate::row::Row;

/// For the kernel to let go of a group that has just become empty.
const GRACE: Duration = Duration::from_secs(2);
const SCRAPES: usize = 50;
const PER_CGROUP: &str = "[modules.runqueue]\nper_cgroup = true\n";
/// The last makes a page of 10,000 samples.
const GROUPS: [usize; 3] = [10, 100, 300];

pub fn measure(binary: &Path) -> Result<Vec<Row>> {
    let daemon = Options::new(binary).start()?;
    let mut rows = vec![row("default page", &daemon, 3.0)?];
    drop(daemon);
    for count in GROUPS {
        let _groups = Groups::new(count)?;
        let daemon = Options::new(binary).configuration(PER_CGROUP).start()?;
        let what = format!("with {count} more control groups");
        rows.push(row(&what, &daemon, None)?);
    }
    Ok(rows)
}

/// Every scrape makes a sweep of its own.
fn row(what: &str, daemon: &Daemon, budget: impl Into<Option<f64>>) -> Result<Row> {
    let mut client = daemon.client()?;
    let mut times = Vec::with_capacity(SCRAPES);
    let mut bytes = 0;
    for _ in 0..SCRAPES {
        // Longer than `sweep.min_interval`, or the last snapshot would be served again.
        std::thread::sleep(Duration::from_millis(2));
        let start = Instant::now();
        bytes = client.get("/metrics", "")?.body.len();
        times.push(start.elapsed());
    }
    let page = client.metrics()?;
    let sweep = page
        .sum("geophone_sweep_duration_seconds", &[])
        .unwrap_or(f64::NAN)
        * 1e3;
    let size = format!("{} samples, {} KiB", page.len(), bytes >> 10);
    Ok(Row::time(format!("{what}: {size}"), median(times))
        .detail(format!("of which sweep {sweep:.2} ms"))
        .budget(budget))
}

/// Control groups without tasks; removed when dropped.
struct Groups(Vec<PathBuf>);

impl Groups {
    fn new(count: usize) -> Result<Self> {
        let mounts = fs::read_to_string("/proc/self/mounts")?;
        let root = mounts.lines().find_map(|line| {
            let mut fields = line.split(' ').skip(1);
            let place = fields.next()?;
            (fields.next() == Some("cgroup2")).then(|| PathBuf::from(place))
        });
        let root = root.context("cgroup2 is not mounted")?;
        let mut groups = Self(Vec::new());
        for number in 0..count {
            let group = root.join(format!("geophone-bench-{number}"));
            fs::create_dir(&group).with_context(|| group.display().to_string())?;
            groups.0.push(group);
        }
        Ok(groups)
    }
}

impl Drop for Groups {
    fn drop(&mut self) {
        for group in &self.0 {
            let removed = wait::until("an empty control group", GRACE, || {
                Ok(fs::remove_dir(group).ok())
            });
            if let Err(error) = removed {
                eprintln!("left behind: {}: {error:#}", group.display());
            }
        }
    }
}
