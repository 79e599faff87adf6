//! Requests that go to a block device as they are: one `O_DIRECT` call, one request.

use std::fs::OpenOptions;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use anyhow::{Context, Result};
use rustix::fs::OFlags;

/// `O_DIRECT` wants memory aligned to the device's block; a page suits all.
const PAGE: usize = 4096;

/// Writes `count` blocks of `size` bytes in order from the start of `device`, then reads
/// them back. `size` is a multiple of a page, small enough not to be split.
pub fn write_and_read(device: &Path, count: usize, size: usize) -> Result<()> {
    let flags = i32::try_from(OFlags::DIRECT.bits())?;
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(flags)
        .open(device)
        .with_context(|| device.display().to_string())?;
    let mut memory = vec![0x5a; size + PAGE];
    let start = memory.as_ptr().align_offset(PAGE);
    let block = &mut memory[start..start + size];
    let offsets = (0..count).map(|number| (number * size) as u64);
    for offset in offsets.clone() {
        file.write_all_at(block, offset)?;
    }
    for offset in offsets {
        file.read_exact_at(block, offset)?;
    }
    Ok(())
}
