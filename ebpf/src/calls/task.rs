//! The thread that runs and its process.

use aya_ebpf::helpers::{bpf_get_current_pid_tgid, bpf_get_current_task};

use crate::access::{Access as _, Copied};
use crate::declare::Declared;

#[inline(always)]
pub fn thread() -> u32 {
    bpf_get_current_pid_tgid() as u32
}

#[inline(always)]
pub fn process() -> u32 {
    (bpf_get_current_pid_tgid() >> 32) as u32
}

/// When the thread was started, by the member of `task_struct` that tells it.
#[inline(always)]
pub fn thread_start<const N: usize>(started: &Declared<u64, N>) -> u64 {
    // SAFETY: the task that runs.
    unsafe { Copied::read(started, current()) }
}

/// The same of its process, by the member that leads to the main thread, too.
#[inline(always)]
pub fn process_start<const N: usize, const M: usize>(
    started: &Declared<u64, N>,
    leader: &Declared<u64, M>,
) -> u64 {
    // SAFETY: the task that runs, and its leader, which is there as long as the threads are.
    unsafe { Copied::read(started, Copied::read(leader, current()) as *const u8) }
}

#[inline(always)]
fn current() -> *const u8 {
    // SAFETY: a helper without arguments.
    unsafe { bpf_get_current_task() as *const u8 }
}
