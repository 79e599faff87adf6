//! Requests of block devices against `/proc/diskstats`.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::bracket::{Comparison, Reading};
use crate::client::Client;
use crate::exposition::Exposition;
use crate::load::disk::write_and_read;
use crate::oracle::disk::{Direction, Disk};
use crate::wait;

const DURATION: &str = "geophone_block_io_duration_seconds";
/// So many requests are in flight that a request lasts much longer than its end, the part
/// of which the kernel still counts and we do not.
const THREADS: usize = 8;
const BLOCK: usize = 16 << 10;

/// What a comparison of one direction says.
pub struct Outcome {
    pub requests: Comparison,
    pub bytes: Comparison,
    /// In seconds. The kernel keeps milliseconds and stops its clock a little later.
    pub duration: Comparison,
}

type Disks = HashMap<String, Disk>;

/// Writes and reads `count` blocks of 16 KiB on the device of this kernel name.
pub fn compare(client: &mut Client, device: &str, count: usize) -> Result<Vec<Outcome>> {
    compare_each(client, &[device], count)
}

/// Writes and reads on the first of `devices` what passes through all of them.
pub fn compare_each(client: &mut Client, devices: &[&str], count: usize) -> Result<Vec<Outcome>> {
    let first = devices.first().context("no device")?;
    compare_under(client, devices, || load(first, count))
}

/// Writes and reads `count` blocks on `device`.
pub fn load(device: &str, count: usize) -> Result<()> {
    write_and_read(&Path::new("/dev").join(device), count, BLOCK, THREADS)
}

/// What `load` has the devices do.
pub fn compare_under(
    client: &mut Client,
    devices: &[&str],
    load: impl FnOnce() -> Result<()>,
) -> Result<Vec<Outcome>> {
    for device in devices {
        until_exported(client, device)?;
    }
    let read = || -> Result<Disks> {
        let each = devices.iter();
        each.map(|device| Ok(((*device).to_owned(), Disk::read(device)?)))
            .collect()
    };
    let from = Reading::take(client, read)?;
    load()?;
    let to = Reading::take(client, read)?;
    let mut outcomes = Vec::new();
    for device in devices {
        outcomes.push(outcome(device, "read", |disk| disk.read, (&from, &to))?);
        outcomes.push(outcome(device, "write", |disk| disk.write, (&from, &to))?);
    }
    Ok(outcomes)
}

fn outcome(
    device: &str,
    operation: &str,
    of: fn(&Disk) -> Direction,
    readings: (&Reading<Disks>, &Reading<Disks>),
) -> Result<Outcome> {
    let labels = [("device", device), ("operation", operation)];
    let against = |what: &str, metric: &str, field: fn(Direction) -> f64| {
        let kernel = |disks: &Disks| disks.get(device).map_or(0.0, |disk| field(of(disk)));
        Comparison::between(
            &format!("{operation} {what} of {device}"),
            "block_io",
            readings,
            |page: &Exposition| page.sum(metric, &labels),
            |earlier, later| kernel(later) - kernel(earlier),
        )
    };
    Ok(Outcome {
        requests: against("requests", &format!("{DURATION}_count"), |direction| {
            direction.requests as f64
        })?,
        bytes: against("bytes", "geophone_block_io_size_bytes_sum", |direction| {
            direction.bytes as f64
        })?,
        duration: against("seconds", &format!("{DURATION}_sum"), |direction| {
            direction.milliseconds as f64 * 1e-3
        })?,
    })
}

impl Outcome {
    /// Requests and bytes equal the kernel's, a missed run being worth one request.
    /// Of the requests the share `unseen` may be missing: see [`Comparison::nearly_equal`].
    pub fn equal(&self, unseen: f64) -> Result<()> {
        let requests = unseen * self.requests.kernel.0;
        self.requests.nearly_equal(requests, 1.0)?;
        self.bytes.nearly_equal(requests, BLOCK as f64)
    }
}

/// Requests of a device, or of all together, that the daemon has counted so far.
pub fn requests(page: &Exposition, device: Option<&str>) -> Option<f64> {
    let labels: Vec<_> = device
        .map(|device| ("device", device))
        .into_iter()
        .collect();
    page.sum(&format!("{DURATION}_count"), &labels)
}

/// Waits until the daemon has found `device`: its series are there, at zero.
pub fn until_exported(client: &mut Client, device: &str) -> Result<()> {
    until(client, device, true).context("series of a device that has come")
}

/// Waits until no metric speaks of `device` any more.
pub fn until_gone(client: &mut Client, device: &str) -> Result<()> {
    until(client, device, false).context("series of a device that has gone")
}

fn until(client: &mut Client, device: &str, present: bool) -> Result<()> {
    wait::until(
        "the device's series to come or go",
        Duration::from_secs(20),
        || {
            let found = requests(&client.metrics()?, Some(device)).is_some();
            Ok((found == present).then_some(()))
        },
    )
}
