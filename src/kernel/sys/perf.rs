//! Programs at perf events (perf_event_open(2)): at one function of a file (PMU `uprobe`), which
//! is all that kernels before 5.15 have, and at classic tracepoints.

use std::fs;
use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd};
use std::path::Path;

/// Type and format of the events, which differ from kernel to kernel.
const UPROBE: &str = "/sys/bus/event_source/devices/uprobe";
/// `PERF_FLAG_FD_CLOEXEC`
const CLOSE_ON_EXEC: libc::c_ulong = 1 << 3;
/// `PERF_EVENT_IOC_SET_BPF`
const SET_BPF: libc::Ioctl = 0x4004_2408;
/// `PERF_TYPE_SOFTWARE`
const SOFTWARE: u32 = 1;
/// `PERF_COUNT_SW_DUMMY`
const DUMMY: u64 = 9;
/// `PERF_TYPE_TRACEPOINT`
const TRACEPOINT: u32 = 2;

/// `struct perf_event_attr` of include/uapi/linux/perf_event.h, as of its first extension
/// (`PERF_ATTR_SIZE_VER1`).
#[repr(C)]
#[derive(Default)]
struct Attr {
    event_type: u32,
    size: u32,
    config: u64,
    sample_period: u64,
    sample_type: u64,
    read_format: u64,
    flags: u64,
    wakeup_events: u32,
    breakpoint_type: u32,
    /// Address of the path.
    config1: u64,
    /// Offset in the file.
    config2: u64,
}

const _: () = assert!(size_of::<Attr>() == 72);

/// Attaches a program at `offset` of a file, in all processes, until the descriptor is closed.
pub fn attach_uprobe(
    program: BorrowedFd<'_>,
    path: &Path,
    offset: u64,
    at_return: bool,
) -> io::Result<OwnedFd> {
    let path = std::ffi::CString::new(path.as_os_str().as_encoded_bytes())?;
    let attr = Attr {
        event_type: number("type", "")?,
        config: if at_return {
            let bit = number("format/retprobe", "config:")?;
            1_u64.checked_shl(bit).unwrap_or(0)
        } else {
            0
        },
        config1: path.as_ptr() as u64,
        config2: offset,
        ..Attr::default()
    };
    // The path lives until the kernel has read it.
    attach(program, attr)
}

/// Whether the kernel lets the calling thread open perf events. Debian's takes `CAP_SYS_ADMIN` for
/// any where `kernel.perf_event_paranoid` is above 2.
pub fn may_open_events() -> bool {
    let attr = Attr {
        event_type: SOFTWARE,
        config: DUMMY,
        ..Attr::default()
    };
    let (this_process, any_cpu) = (0, -1);
    open(attr, this_process, any_cpu).is_ok()
}

/// Attaches a program to the tracepoint of this number until the descriptor is closed.
pub fn attach_tracepoint(program: BorrowedFd<'_>, tracepoint: u64) -> io::Result<OwnedFd> {
    let attr = Attr {
        event_type: TRACEPOINT,
        config: tracepoint,
        ..Attr::default()
    };
    attach(program, attr)
}

/// Nothing is sampled: the event is there for the program, and begins at once.
fn attach(program: BorrowedFd<'_>, attr: Attr) -> io::Result<OwnedFd> {
    // All processes are those of a CPU: whichever, the program runs on all.
    let (process, cpu) = (-1, 0);
    let event = open(attr, process, cpu)?;
    // SAFETY: the request takes a descriptor as a number.
    let set = unsafe { libc::ioctl(event.as_raw_fd(), SET_BPF, program.as_raw_fd()) };
    if set < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(event)
}

fn open(mut attr: Attr, process: libc::pid_t, cpu: libc::c_int) -> io::Result<OwnedFd> {
    attr.size = u32::try_from(size_of::<Attr>()).map_err(io::Error::other)?;
    let group = -1;
    // SAFETY: the kernel reads the attributes, as large as they say, and the path that is in
    // those of a file.
    let fd = unsafe {
        libc::syscall(
            libc::SYS_perf_event_open,
            &raw const attr,
            process,
            cpu,
            group,
            CLOSE_ON_EXEC,
        )
    };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    let fd = i32::try_from(fd).map_err(io::Error::other)?;
    // SAFETY: the kernel has just made this descriptor for us.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// The number behind `prefix` in a file of the PMU.
fn number(file: &str, prefix: &str) -> io::Result<u32> {
    let text = fs::read_to_string(format!("{UPROBE}/{file}"))?;
    let digits = text.trim().strip_prefix(prefix).unwrap_or_default();
    digits.parse().map_err(io::Error::other)
}
