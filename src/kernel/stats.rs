//! What the kernel counts about loaded programs.

use std::fmt::Write as _;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::Duration;

use super::sys::{RawProgramInfo, enable_run_time_statistics, program_info};

/// Keeps the kernel's run-time statistics on, for all programs of the machine, until it is
/// dropped. They cost two clock readings for each run of any program.
#[derive(Debug)]
pub struct RunTimeStatistics {
    _fd: OwnedFd,
}

impl RunTimeStatistics {
    /// Turns them on. Needs `CAP_SYS_ADMIN`, and kernel 5.8.
    pub fn enable() -> io::Result<Self> {
        enable_run_time_statistics()
            .map(|fd| Self { _fd: fd })
            .map_err(|error| {
                let why = match error.raw_os_error() {
                    Some(libc::EPERM) => "this process needs CAP_SYS_ADMIN for it",
                    Some(libc::EINVAL) => "the kernel can from 5.8 on",
                    _ => return error,
                };
                io::Error::new(error.kind(), format!("run-time statistics stay off: {why}"))
            })
    }
}

/// A loaded program, as the kernel describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProgramInfo {
    pub id: u32,
    /// Hash of the instructions, as `bpftool prog` shows it.
    pub tag: String,
    /// Time spent in the program while statistics were on.
    pub run_time: Duration,
    /// Runs while statistics were on.
    pub run_count: u64,
    /// Runs left out because the program would have nested in itself on the same CPU, and
    /// that whether statistics were on or not. None where the kernel does not tell.
    pub recursion_misses: Option<u64>,
    /// Size in bytes of the machine code; 0 where it is interpreted, or not ours to know.
    pub jited_size: u32,
    /// Instructions the verifier walked through. None where the kernel does not tell.
    pub verified_instructions: Option<u32>,
}

impl ProgramInfo {
    /// Reads the description of a program.
    pub fn of(program: BorrowedFd<'_>) -> io::Result<Self> {
        program_info(program).map(|(info, known)| Self::from_raw(&info, known))
    }

    /// Adds what another program did, which is a copy of this one.
    pub(super) fn add(&mut self, other: &Self) {
        self.run_time += other.run_time;
        self.run_count += other.run_count;
        let misses = self.recursion_misses.zip(other.recursion_misses);
        self.recursion_misses = misses.map(|(own, others)| own + others);
    }

    fn from_raw(info: &RawProgramInfo, known: usize) -> Self {
        let mut tag = String::with_capacity(16);
        for byte in info.tag {
            // Writing to a string cannot fail.
            let _ = write!(tag, "{byte:02x}");
        }
        let timed = known >= RawProgramInfo::WITH_RUN_STATISTICS;
        Self {
            id: info.id,
            tag,
            run_time: Duration::from_nanos(if timed { info.run_time_ns } else { 0 }),
            run_count: if timed { info.run_count } else { 0 },
            recursion_misses: (known >= RawProgramInfo::WITH_RECURSION_MISSES)
                .then_some(info.recursion_misses),
            jited_size: info.jited_len,
            verified_instructions: (known >= RawProgramInfo::WITH_VERIFIED_INSTRUCTIONS)
                .then_some(info.verified_instructions),
        }
    }
}

#[cfg(test)]
#[allow(clippy::field_reassign_with_default)]
mod tests {
    use super::*;

    #[test]
    fn what_an_older_kernel_does_not_fill_in_is_absent() {
        let mut info = RawProgramInfo::default();
        info.tag = [0xab, 0, 1, 2, 3, 4, 5, 0xff];
        (info.run_time_ns, info.run_count) = (1500, 3);
        // Linux 5.10 ends its structure behind run_cnt.
        let old = ProgramInfo::from_raw(&info, 208);
        assert_eq!(old.tag, "ab000102030405ff");
        assert_eq!(
            (old.run_time, old.run_count),
            (Duration::from_nanos(1500), 3)
        );
        assert_eq!(
            (old.recursion_misses, old.verified_instructions),
            (None, None)
        );
        let new = ProgramInfo::from_raw(&info, 232);
        assert_eq!(
            (new.recursion_misses, new.verified_instructions),
            (Some(0), Some(0))
        );
    }
}
