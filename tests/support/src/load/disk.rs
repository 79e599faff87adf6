//! Requests that go to a block device as they are: one `O_DIRECT` call, one request.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
use std::ops::Range;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::process::Command;
use std::thread;

use anyhow::{Context, Result, anyhow, ensure};
use rustix::fs::OFlags;
use rustix::io::Errno;

/// `O_DIRECT` wants memory aligned to the device's block; a page suits all.
const PAGE: usize = 4096;

/// Writes `count` blocks of `size` bytes from the start of `device` and reads them back, in
/// `threads` threads with a part of the blocks each. `size` is a multiple of a page, small
/// enough not to be split.
pub fn write_and_read(device: &Path, count: usize, size: usize, threads: usize) -> Result<()> {
    let file = open(device)?;
    let share = count.div_ceil(threads);
    let file = &file;
    thread::scope(|scope| {
        let workers: Vec<_> = (0..count)
            .step_by(share)
            .map(|first| (first, count.min(first + share)))
            .map(|(first, end)| scope.spawn(move || part(file, first..end, size)))
            .collect();
        workers
            .into_iter()
            .try_for_each(|worker| worker.join().map_err(|_| anyhow!("a thread panicked"))?)
    })
}

fn open(device: &Path) -> Result<File> {
    let flags = i32::try_from(OFlags::DIRECT.bits())?;
    let mut options = OpenOptions::new();
    let options = options.read(true).write(true).custom_flags(flags);
    options
        .open(device)
        .with_context(|| device.display().to_string())
}

fn part(file: &File, blocks: Range<usize>, size: usize) -> Result<()> {
    let mut memory = vec![0x5a; size + PAGE];
    let block = aligned(&mut memory, size);
    let offsets = blocks.map(|number| (number * size) as u64);
    for offset in offsets.clone() {
        file.write_all_at(block, offset)?;
    }
    for offset in offsets {
        file.read_exact_at(block, offset)?;
    }
    Ok(())
}

/// The part of `memory` that begins with a page. `memory` is a page longer than `size`.
fn aligned(memory: &mut [u8], size: usize) -> &mut [u8] {
    let start = memory.as_ptr().align_offset(PAGE);
    &mut memory[start..start + size]
}

/// What is done with each page of a device.
#[derive(Debug, Clone, Copy)]
pub enum Access {
    Read,
    Write,
}

/// Reads or writes pages of `device`, one request each, in turn. Gives how many requests failed, by
/// what the kernel said of each.
pub fn failures(device: &Path, access: Access, pages: Range<usize>) -> Result<HashMap<Errno, u64>> {
    let file = open(device)?;
    let mut memory = vec![0x5a; 2 * PAGE];
    let page = aligned(&mut memory, PAGE);
    let mut failures = HashMap::new();
    for number in pages {
        let offset = (number * PAGE) as u64;
        let done = match access {
            Access::Read => file.read_exact_at(page, offset),
            Access::Write => file.write_all_at(page, offset),
        };
        let Err(error) = done else { continue };
        let errno = Errno::from_io_error(&error).ok_or(error)?;
        *failures.entry(errno).or_default() += 1;
    }
    Ok(failures)
}

/// Reads blocks at random, `together` at a time by one system call, with fio; none where that
/// is not installed.
pub fn submit_together(device: &Path, together: usize) -> Result<Option<()>> {
    let mut fio = Command::new("fio");
    fio.args([
        "--name=together",
        "--ioengine=libaio",
        "--direct=1",
        "--rw=randread",
    ])
    .args(["--bs=4k", "--number_ios=4096", "--size=100%"])
    .arg(format!("--iodepth={together}"))
    .arg(format!("--iodepth_batch={together}"))
    .arg(format!("--iodepth_batch_complete_min={together}"))
    .arg(format!("--filename={}", device.display()));
    let output = match fio.output() {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        output => output?,
    };
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "fio: {said}");
    Ok(Some(()))
}
