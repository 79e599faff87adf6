//! Programs at classic tracepoints, by a perf event.

use std::io;
use std::mem::size_of_val;
use std::os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd};

/// `PERF_TYPE_TRACEPOINT`
const TRACEPOINT: u64 = 2;
/// `PERF_FLAG_FD_CLOEXEC`
const CLOSE_ON_EXEC: u32 = 8;
/// `PERF_EVENT_IOC_SET_BPF`
const SET_BPF: libc::Ioctl = 0x4004_2408;

/// Attaches a program to the tracepoint of this number, on all CPUs, until what is returned
/// is closed.
pub fn attach(program: BorrowedFd<'_>, tracepoint: u64) -> io::Result<OwnedFd> {
    // `struct perf_event_attr` of include/uapi/linux/perf_event.h, as it was at first: type
    // and size in the first word, the event's number in the second. Nothing is sampled.
    let mut attr = [0_u64; 8];
    attr[0] = TRACEPOINT | (size_of_val(&attr) as u64) << 32;
    attr[1] = tracepoint;
    // Of all processes. A program is run wherever the tracepoint is passed, whatever the CPU
    // of its event.
    let (process, cpu, group) = (-1, 0, -1);
    // SAFETY: the kernel reads as many bytes as the structure says it has.
    let fd = unsafe {
        libc::syscall(
            libc::SYS_perf_event_open,
            attr.as_ptr(),
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
    let event = unsafe { OwnedFd::from_raw_fd(fd) };
    // SAFETY: the request takes a descriptor as a number.
    let set = unsafe { libc::ioctl(event.as_raw_fd(), SET_BPF, program.as_raw_fd()) };
    if set < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(event)
}
