//! Volumes that work on bios: what goes through them is counted at their members only.

use anyhow::{Context, Result, ensure};

use crate::bracket::{Comparison, Reading};
use crate::client::Client;
use crate::loop_device::LoopDevice;
use crate::mapped::Mapped;
use crate::md::Stripes;
use crate::oracle::disk::Disk;
use crate::scenario::block_io::{load, requests, until_exported};

/// Of 16 KiB, a part of any stripe, so that each is one request of one member.
const BLOCKS: usize = 400;
/// Of a disk.
const SIZE: u64 = 8 << 20;

/// Through two disks striped by md.
pub fn stripes(client: &mut Client) -> Result<Vec<Comparison>> {
    let disks = [LoopDevice::new(SIZE)?, LoopDevice::new(SIZE)?];
    let members = disks.each_ref().map(LoopDevice::name);
    let members = members.each_ref().map(String::as_str);
    let array = Stripes::over(&members)?;
    compare(client, array.name(), &members)
}

/// Through a disk that device mapper gives another name.
pub fn linear(client: &mut Client) -> Result<Vec<Comparison>> {
    let disk = LoopDevice::new(SIZE)?;
    let volume = Mapped::linear(&disk.name())?;
    compare(client, volume.name(), &[&disk.name()])
}

/// One comparison for each member, and one of all devices together with the blocks.
fn compare(client: &mut Client, volume: &str, members: &[&str]) -> Result<Vec<Comparison>> {
    for member in members {
        until_exported(client, member)?;
    }
    let read = || -> Result<Vec<f64>> {
        let devices = [&[volume], members].concat();
        let requests = |disk: Disk| (disk.read.requests + disk.write.requests) as f64;
        let each = devices.iter().map(|device| Disk::read(device));
        each.map(|disk| disk.map(requests)).collect()
    };
    let from = Reading::take(client, read)?;
    load(volume, BLOCKS)?;
    let to = Reading::take(client, read)?;
    let through = to.before.first().zip(from.after.first());
    let through = through.map(|(to, from)| to - from).context("no volume")?;
    let blocks = 2.0 * BLOCKS as f64;
    ensure!(
        (through - blocks).abs() < 0.5,
        "{through} of {blocks} blocks went through {volume}"
    );
    ensure!(
        requests(&to.page, Some(volume)).is_none(),
        "{volume} has series of its own"
    );

    let compare = |what: &str, device: Option<&str>, kernel: &dyn Fn(&Vec<f64>) -> f64| {
        Comparison::between(
            what,
            "block_io",
            (&from, &to),
            |page| requests(page, device),
            |earlier, later| kernel(later) - kernel(earlier),
        )
    };
    let each = members.iter().enumerate().map(|(place, member)| {
        let what = format!("requests of {member} through {volume}");
        compare(&what, Some(member), &|counts| counts[place + 1])
    });
    let mut comparisons = each.collect::<Result<Vec<_>>>()?;
    // Nobody has counted them a second time, not even as of some other device.
    comparisons.push(compare(
        &format!("requests of all devices through {volume}"),
        None,
        &|counts| counts[1..].iter().sum(),
    )?);
    Ok(comparisons)
}
