//! Disks that are taken away under the daemon, and come back.

use anyhow::{Context, Result, ensure};

use crate::client::Client;
use crate::null_blk::NullBlk;
use crate::oracle::disk::Disk;
use crate::scenario::block_io::{Outcome, compare, requests, until_exported, until_gone};

const COUNT: usize = 200;

/// Three lives: of a disk, of the same when it is back, and of another that gets its number.
pub fn compare_lives(client: &mut Client) -> Result<Vec<Outcome>> {
    let mut disk = NullBlk::new(64, 1)?;
    let mut outcomes = compare(client, disk.name(), COUNT)?;

    disk.disappear()?;
    until_gone(client, disk.name())?;
    disk.come_back()?;
    starts_anew(client, disk.name())?;
    outcomes.extend(compare(client, disk.name(), COUNT)?);

    disk.disappear()?;
    let heir = NullBlk::new(64, 1)?;
    // Where disks are numbered it has the name, too, and nobody can tell the one from the other.
    if heir.name() != disk.name() {
        starts_anew(client, heir.name())?;
        let page = client.metrics()?;
        ensure!(
            requests(&page, Some(disk.name())).is_none(),
            "{} is still there, now called {}",
            disk.name(),
            heir.name()
        );
    }
    outcomes.extend(compare(client, heir.name(), COUNT)?);
    Ok(outcomes)
}

/// Waits for the series of a disk that has just come. They have no more requests than the kernel
/// has seen of it.
fn starts_anew(client: &mut Client, disk: &str) -> Result<()> {
    until_exported(client, disk)?;
    let page = client.metrics()?;
    let ours = requests(&page, Some(disk)).context("series that are there and not")?;
    let kernel = Disk::read(disk)?;
    let kernel = (kernel.read.requests + kernel.write.requests) as f64;
    ensure!(
        ours <= kernel && kernel < COUNT as f64,
        "{disk} begins with {ours} requests of {kernel}"
    );
    Ok(())
}
