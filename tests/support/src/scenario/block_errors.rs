//! Requests that fail, or are sent again, against what was told to those who asked for them.

use std::collections::HashMap;
use std::ops::Range;

use anyhow::{Result, ensure};
use rustix::io::Errno;

use crate::bracket::{Comparison, Reading};
use crate::client::Client;
use crate::load::disk::{Access, failures};
use crate::loop_device::LoopDevice;
use crate::mount::FileSystem;
use crate::null_blk::NullBlk;
use crate::scenario::block_io::until_exported;
use crate::scsi_debug::{Fault, ScsiDebug};

const ERRORS: &str = "geophone_block_io_errors_total";
const REQUEUES: &str = "geophone_block_io_requeues_total";

/// Pages of 4 KiB.
const PAGES: usize = 256;

/// The classes of errors, each with what the kernel tells the application of it
/// (`blk_errors`, block/blk-core.c).
const CLASSES: [(&str, Errno); 8] = [
    ("io", Errno::IO),
    ("timeout", Errno::TIMEDOUT),
    ("medium", Errno::NODATA),
    ("transport", Errno::NOLINK),
    ("target", Errno::REMOTEIO),
    ("protection", Errno::ILSEQ),
    ("no_space", Errno::NOSPC),
    ("not_supported", Errno::OPNOTSUPP),
];

/// Writes to a disk whose file has no room for all of it.
pub fn full_disk(client: &mut Client) -> Result<Vec<Comparison>> {
    let file_system = FileSystem::with_room_for((PAGES / 2 * 4096) as u64)?;
    let device = LoopDevice::within(file_system.path(), (PAGES * 4096) as u64)?;
    let name = device.name();
    errors(client, &name, || {
        failures(&device.path(), Access::Write, 0..PAGES)
    })
}

/// Reads from a disk that cannot read some sectors, and from one that reads them wrong.
pub fn bad_disk(client: &mut Client, disk: &ScsiDebug) -> Result<Vec<Comparison>> {
    let read = || failures(&disk.path(), Access::Read, 512..512 + PAGES);
    let (first, last) = ScsiDebug::BAD;
    ensure!(
        (512 * 8..(512 + PAGES) as u64 * 8).contains(&first),
        "{first}"
    );
    let mut comparisons = {
        let _injection = disk.inject(Fault::Medium)?;
        errors(client, disk.name(), || {
            let failures = read()?;
            let pages = last / 8 - first / 8 + 1;
            ensure!(
                failures == HashMap::from([(Errno::NODATA, pages)]),
                "{failures:?} are not {pages} unreadable pages"
            );
            Ok(failures)
        })?
    };
    let _injection = disk.inject(Fault::Protection(4))?;
    comparisons.extend(errors(client, disk.name(), read)?);
    Ok(comparisons)
}

/// Reads from a disk without a medium some of whose sectors are bad all the same.
pub fn bad_null_blk(client: &mut Client) -> Result<Vec<Comparison>> {
    const BAD: Range<usize> = 100..110;
    let disk = NullBlk::new(16, 1)?;
    disk.damage(BAD.start as u64 * 8, BAD.end as u64 * 8 - 1)?;
    errors(client, disk.name(), || {
        let failures = failures(&disk.path(), Access::Read, 0..PAGES)?;
        ensure!(
            failures == HashMap::from([(Errno::IO, BAD.len() as u64)]),
            "{failures:?} are not {} unreadable pages",
            BAD.len()
        );
        Ok(failures)
    })
}

/// Reads from a disk that loses some commands, which are sent again. Every command beyond the
/// requests is one that went back to the queue.
pub fn forgetful_disk(client: &mut Client, disk: &ScsiDebug) -> Result<Comparison> {
    until_exported(client, disk.name())?;
    let labels = [("device", disk.name())];
    let from = Reading::take(client, || disk.commands())?;
    {
        let _injection = disk.inject(Fault::Transport(5))?;
        let failures = failures(&disk.path(), Access::Read, 0..PAGES)?;
        ensure!(failures.is_empty(), "sent again in vain: {failures:?}");
    }
    let to = Reading::take(client, || disk.commands())?;
    Comparison::between(
        "requests sent again",
        "block_io",
        (&from, &to),
        |page| page.sum(REQUEUES, &labels),
        |earlier, later| (later - earlier) as f64 - PAGES as f64,
    )
}

/// One comparison for each class of errors that `load` met.
fn errors(
    client: &mut Client,
    device: &str,
    load: impl FnOnce() -> Result<HashMap<Errno, u64>>,
) -> Result<Vec<Comparison>> {
    until_exported(client, device)?;
    let from = Reading::take(client, || Ok(()))?;
    let met = load()?;
    let to = Reading::take(client, || Ok(()))?;
    ensure!(!met.is_empty(), "nothing failed on {device}");
    let compare = |class: &str, requests: u64| {
        let labels = [("device", device), ("error", class)];
        Comparison::between(
            &format!("{class} errors of {device}"),
            "block_io",
            (&from, &to),
            |page| page.sum(ERRORS, &labels),
            |(), ()| requests as f64,
        )
    };
    let class = |errno: &Errno| CLASSES.iter().find(|(_, told)| told == errno);
    let met_classes = met.iter().map(|(errno, requests)| {
        compare(class(errno).map_or("other", |(name, _)| name), *requests)
    });
    let comparisons = met_classes.collect::<Result<Vec<_>>>()?;
    // None of another class.
    for (name, _) in CLASSES.iter().filter(|(_, errno)| !met.contains_key(errno)) {
        let others = compare(name, 0)?.ours;
        ensure!(others < 0.5, "{others} errors of class {name} on {device}");
    }
    Ok(comparisons)
}
