//! Programs at functions of files: how they are loaded, and attached to many at once by one
//! link (`uprobe_multi`, since 6.6), where a perf event for each takes a grace period each.

use std::ffi::CStr;
use std::io;
use std::os::fd::{BorrowedFd, FromRawFd as _, OwnedFd};
use std::path::Path;

use super::{bpf, raw};

const PROG_LOAD: u32 = 5;
const LINK_CREATE: u32 = 28;
/// `BPF_PROG_TYPE_KPROBE`
const KPROBE: u32 = 2;
/// `BPF_TRACE_UPROBE_MULTI`
const UPROBE_MULTI: u32 = 48;
/// `BPF_F_UPROBE_MULTI_RETURN`
const RETURN: u32 = 1;

#[repr(C)]
struct LoadAttr {
    program_type: u32,
    instruction_count: u32,
    instructions: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log: u64,
    kernel_version: u32,
    flags: u32,
    name: [u8; 16],
    interface: u32,
    expected_attach_type: u32,
}

#[repr(C)]
struct LinkAttr {
    program: u32,
    target: u32,
    attach_type: u32,
    flags: u32,
    path: u64,
    offsets: u64,
    reference_counters: u64,
    cookies: u64,
    count: u32,
    uprobe_flags: u32,
    process: u32,
    pad: u32,
}

/// How a program is going to be attached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// To many functions by one link.
    Multi,
    /// To each by itself.
    Each,
}

/// Why the kernel did not take a program.
#[derive(Debug)]
pub struct Refused {
    pub error: io::Error,
    /// What the verifier said; empty if it was not asked.
    pub log: String,
}

/// Bytes of the verifier's log.
const LOG: usize = 1 << 20;

/// Loads a program that attaches to functions of files.
pub fn load(
    name: &str,
    license: &CStr,
    instructions: &[[u8; 8]],
    way: Way,
) -> Result<OwnedFd, Refused> {
    load_with_log(name, license, instructions, way, &mut []).or_else(|error| {
        let mut log = vec![0; LOG];
        // Again, to be told why: who succeeds is not to wait for a log to be written.
        load_with_log(name, license, instructions, way, &mut log).map_err(|_| {
            let text = log.split(|byte| *byte == 0).next().unwrap_or_default();
            Refused {
                error,
                log: String::from_utf8_lossy(text).into_owned(),
            }
        })
    })
}

fn load_with_log(
    name: &str,
    license: &CStr,
    instructions: &[[u8; 8]],
    way: Way,
    log: &mut [u8],
) -> io::Result<OwnedFd> {
    let mut short = [0; 16];
    // The last byte stays the end of the text.
    for (place, byte) in short.iter_mut().take(15).zip(name.bytes()) {
        *place = byte;
    }
    let mut attr = LoadAttr {
        program_type: KPROBE,
        instruction_count: count(instructions.len())?,
        instructions: instructions.as_ptr() as u64,
        license: license.as_ptr() as u64,
        log_level: u32::from(!log.is_empty()),
        log_size: count(log.len())?,
        log: if log.is_empty() {
            0
        } else {
            log.as_mut_ptr() as u64
        },
        kernel_version: 0,
        flags: 0,
        name: short,
        interface: 0,
        expected_attach_type: match way {
            Way::Multi => UPROBE_MULTI,
            Way::Each => 0,
        },
    };
    // SAFETY: the kernel reads the instructions, as many as there are, and the license, and
    // writes the log, which is as long as it is told.
    owned(unsafe { bpf(PROG_LOAD, &mut attr) }?)
}

/// Attaches a program that [`load`] gave for [`Way::Multi`] at `offsets` of a file, in all
/// processes, at the functions' entry or return. Each place has its cookie.
pub fn attach(
    program: BorrowedFd<'_>,
    path: &Path,
    places: &[(u64, u64)],
    at_return: bool,
) -> io::Result<OwnedFd> {
    let path = std::ffi::CString::new(path.as_os_str().as_encoded_bytes())?;
    let (offsets, cookies): (Vec<u64>, Vec<u64>) = places.iter().copied().unzip();
    let mut attr = LinkAttr {
        program: raw(program),
        target: 0,
        attach_type: UPROBE_MULTI,
        flags: 0,
        path: path.as_ptr() as u64,
        offsets: offsets.as_ptr() as u64,
        reference_counters: 0,
        cookies: cookies.as_ptr() as u64,
        count: count(places.len())?,
        uprobe_flags: if at_return { RETURN } else { 0 },
        process: 0,
        pad: 0,
    };
    // SAFETY: the kernel reads the path, and as many offsets and cookies as there are places.
    owned(unsafe { bpf(LINK_CREATE, &mut attr) }?)
}

fn count(length: usize) -> io::Result<u32> {
    u32::try_from(length).map_err(io::Error::other)
}

fn owned(fd: libc::c_long) -> io::Result<OwnedFd> {
    let fd = i32::try_from(fd).map_err(io::Error::other)?;
    // SAFETY: the kernel has just made this descriptor for us.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
