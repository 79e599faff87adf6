//! Requests of block devices.

use anyhow::Result;
use geophone_test_support::client::Client;
use geophone_test_support::kernel_module;
use geophone_test_support::loop_device::LoopDevice;
use geophone_test_support::mapped::Mapped;
use geophone_test_support::null_blk::NullBlk;
use geophone_test_support::scenario::block_io::Outcome;
use geophone_test_support::scenario::{
    block_errors, block_io, block_queues, block_removal, block_volumes,
};
use geophone_test_support::scsi_debug::ScsiDebug;

use super::{equal, join};

pub fn loop_device(client: &mut Client) -> Result<String> {
    let device = LoopDevice::new(16 << 20)?;
    all_equal(block_io::compare(client, &device.name(), 500)?)
}

/// What goes through request-based device mapper is counted once there and once on its path.
pub fn multipath(client: &mut Client) -> Result<String> {
    with_scsi_debug(|disk| {
        let device = Mapped::multipath(disk.name())?;
        all_equal(block_io::compare_each(
            client,
            &[device.name(), disk.name()],
            500,
        )?)
    })
}

pub fn queues(client: &mut Client) -> Result<String> {
    with_null_blk(|| all_equal(block_queues::compare(client, 250)?))
}

pub fn removal(client: &mut Client) -> Result<String> {
    with_null_blk(|| all_equal(block_removal::compare_lives(client)?))
}

pub fn stripes(client: &mut Client) -> Result<String> {
    equal(&block_volumes::stripes(client)?)
}

pub fn linear(client: &mut Client) -> Result<String> {
    equal(&block_volumes::linear(client)?)
}

pub fn full_disk(client: &mut Client) -> Result<String> {
    equal(&block_errors::full_disk(client)?)
}

pub fn bad_disk(client: &mut Client) -> Result<String> {
    with_scsi_debug(|disk| equal(&block_errors::bad_disk(client, disk)?))
}

pub fn bad_null_blk(client: &mut Client) -> Result<String> {
    with_null_blk(|| equal(&block_errors::bad_null_blk(client)?))
}

pub fn requeues(client: &mut Client) -> Result<String> {
    with_scsi_debug(|disk| equal(&[block_errors::forgetful_disk(client, disk)?]))
}

fn all_equal(outcomes: Vec<Outcome>) -> Result<String> {
    outcomes.iter().try_for_each(|outcome| outcome.equal(0.0))?;
    let requests = outcomes.into_iter().map(|outcome| outcome.requests);
    Ok(join(&requests.collect::<Vec<_>>()))
}

/// Debian's kernels for x86-64 all have it, those for arm64 do not.
fn with_scsi_debug(test: impl FnOnce(&ScsiDebug) -> Result<String>) -> Result<String> {
    if cfg!(target_arch = "x86_64") || kernel_module::is_loaded("scsi_debug") {
        test(&ScsiDebug::find()?)
    } else {
        Ok("not tried: this kernel has no scsi_debug".to_owned())
    }
}

/// As [`with_scsi_debug`]. Old kernels do not list its disks, so that they have no
/// series.
fn with_null_blk(test: impl FnOnce() -> Result<String>) -> Result<String> {
    let may_lack = cfg!(not(target_arch = "x86_64"));
    if may_lack && !kernel_module::is_loaded("null_blk") {
        Ok("not tried: this kernel has no null_blk".to_owned())
    } else if NullBlk::new(1, 1)?.is_listed()? {
        test()
    } else {
        Ok("not tried: null_blk is not in /proc/partitions".to_owned())
    }
}
