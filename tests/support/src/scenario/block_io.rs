//! Requests of a loop device against `/proc/diskstats`.

use std::time::Duration;

use anyhow::{Context, Result};

use crate::bracket::{Comparison, Reading};
use crate::client::Client;
use crate::exposition::Exposition;
use crate::load::disk::write_and_read;
use crate::loop_device::LoopDevice;
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

/// Writes and reads `count` blocks of 16 KiB.
pub fn compare(client: &mut Client, device: &LoopDevice, count: usize) -> Result<Vec<Outcome>> {
    let name = device.name();
    until_exported(client, &name)?;
    let read = || Disk::read(&name);
    let from = Reading::take(client, read)?;
    write_and_read(&device.path(), count, BLOCK, THREADS)?;
    let to = Reading::take(client, read)?;

    let direction = |operation: &'static str, of: fn(&Disk) -> Direction| -> Result<Outcome> {
        let labels = [("device", name.as_str()), ("operation", operation)];
        let against = |what: &str, metric: &str, field: fn(Direction) -> f64| {
            Comparison::between(
                &format!("{operation} {what} of {name}"),
                "block_io",
                (&from, &to),
                |page: &Exposition| page.sum(metric, &labels),
                |earlier: &Disk, later: &Disk| field(of(later)) - field(of(earlier)),
            )
        };
        Ok(Outcome {
            requests: against("requests", &format!("{DURATION}_count"), |d| {
                d.requests as f64
            })?,
            bytes: against("bytes", "geophone_block_io_size_bytes_sum", |d| {
                d.bytes as f64
            })?,
            duration: against("seconds", &format!("{DURATION}_sum"), |d| {
                d.milliseconds as f64 * 1e-3
            })?,
        })
    };
    Ok(vec![
        direction("read", |disk| disk.read)?,
        direction("write", |disk| disk.write)?,
    ])
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

/// Waits until the daemon has found `device`: its series are there, at zero.
pub fn until_exported(client: &mut Client, device: &str) -> Result<()> {
    until(client, device, true).context("series of a device that has come")
}

/// Waits until no metric speaks of `device` any more.
pub fn until_gone(client: &mut Client, device: &str) -> Result<()> {
    until(client, device, false).context("series of a device that has gone")
}

fn until(client: &mut Client, device: &str, present: bool) -> Result<()> {
    let count = format!("{DURATION}_count");
    wait::until(
        "the device's series to come or go",
        Duration::from_secs(20),
        || {
            let found = client
                .metrics()?
                .sum(&count, &[("device", device)])
                .is_some();
            Ok((found == present).then_some(()))
        },
    )
}
