//! The eBPF programs that the kernel holds.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result};
use aya::programs::loaded_programs;

use crate::{process, wait};

/// Kernel-wide ids of the loaded programs, by the kernel's own walk.
pub fn loaded() -> BTreeSet<u32> {
    // A program may go between the walk and the question about it: that is no error.
    loaded_programs()
        .filter_map(Result::ok)
        .map(|program| program.id())
        .collect()
}

/// Ids of the programs that process `pid` holds, by itself or through a link.
pub fn of_process(pid: u32) -> Result<BTreeSet<u32>> {
    process::held(pid, "prog_id:")
}

/// Waits until none of `ids` is loaded. The kernel frees a program a grace period
/// after its last reference is gone.
pub fn freed(ids: &BTreeSet<u32>) -> Result<()> {
    let mut left = BTreeSet::new();
    wait::until(
        "the daemon's programs to be freed",
        Duration::from_secs(5),
        || {
            left = loaded().intersection(ids).copied().collect();
            Ok(left.is_empty().then_some(()))
        },
    )
    .with_context(|| format!("still loaded: {left:?}"))
}
