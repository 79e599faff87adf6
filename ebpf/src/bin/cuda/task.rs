//! The thread that runs and its process.

use aya_ebpf::helpers::{bpf_get_current_pid_tgid, bpf_get_current_task};
use geophone_ebpf::access::{Access as _, Copied};
use geophone_ebpf::declare;

declare! {
    // As /proc/PID/stat has it, in clock ticks.
    STARTED: u64 = "field task_struct.start_boottime | task_struct.real_start_time";
    LEADER: u64 = "field task_struct.group_leader";
}

#[inline(always)]
pub fn thread() -> u32 {
    bpf_get_current_pid_tgid() as u32
}

#[inline(always)]
pub fn process() -> u32 {
    (bpf_get_current_pid_tgid() >> 32) as u32
}

/// When the thread was started: its number may have been another's before.
#[inline(always)]
pub fn thread_start() -> u64 {
    // SAFETY: the task that runs.
    unsafe { Copied::read(&STARTED, current()) }
}

/// The same of its process.
#[inline(always)]
pub fn process_start() -> u64 {
    // SAFETY: the task that runs, and its leader, which is there as long as the threads are.
    unsafe { Copied::read(&STARTED, Copied::read(&LEADER, current()) as *const u8) }
}

#[inline(always)]
fn current() -> *const u8 {
    // SAFETY: a helper without arguments.
    unsafe { bpf_get_current_task() as *const u8 }
}
