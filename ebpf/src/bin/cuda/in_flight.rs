//! Timed calls between entry and return, by thread.

use aya_ebpf::EbpfContext as _;
use aya_ebpf::btf_maps::{HashMap, PerCpuArray};
use aya_ebpf::helpers::{bpf_get_current_pid_tgid, bpf_get_current_task, bpf_ktime_get_ns};
use aya_ebpf::macros::btf_map;
use aya_ebpf::programs::{ProbeContext, RetProbeContext};
use geophone_ebpf::access::{Access as _, Copied};
use geophone_ebpf::observe::preemptible::add;
use geophone_ebpf::{declare, registers};

use crate::call::Call;

declare! {
    TASK_START: u64 = "field task_struct.start_time | task_struct.start_boottime";
}

#[repr(C)]
pub struct InFlight {
    operation: u64,
    /// Of the stack when the function was entered: what it calls has a lower one.
    stack_pointer: u64,
    /// Of the thread, whose number may have been another's before.
    thread_start: u64,
    begin: u64,
    bytes: u64,
}

#[repr(C)]
pub struct Lost {
    /// No room to remember the entry.
    untracked: u64,
    /// Returns without an entry: the call was in flight when the probe came.
    unmatched: u64,
    /// Entries without a return: the thread ended or left by a jump.
    abandoned: u64,
}

#[btf_map]
static CUDA_IN_FLIGHT: HashMap<u32, InFlight, 1> = HashMap::new();

#[btf_map]
static CUDA_LOST: PerCpuArray<Lost, 1> = PerCpuArray::new();

/// Whether the thread is within a timed call.
#[inline(always)]
pub fn is_within(context: &ProbeContext) -> bool {
    let thread = thread();
    // SAFETY: read before anything else can be done to the entry, which is this thread's own.
    let Some(call) = (unsafe { CUDA_IN_FLIGHT.get(thread) }) else {
        return false;
    };
    call.thread_start == thread_start() && stack_pointer(context) < call.stack_pointer
}

#[inline(always)]
pub fn begin(context: &ProbeContext, call: Call, bytes: u64) {
    let thread = thread();
    // SAFETY: as above.
    if unsafe { CUDA_IN_FLIGHT.get(thread) }.is_some() {
        lost(|lost| &mut lost.abandoned);
    }
    let entry = InFlight {
        operation: call.operation() as u64,
        stack_pointer: stack_pointer(context),
        thread_start: thread_start(),
        // SAFETY: a helper without arguments.
        begin: unsafe { bpf_ktime_get_ns() },
        bytes,
    };
    if CUDA_IN_FLIGHT.insert(thread, &entry, 0).is_err() {
        lost(|lost| &mut lost.untracked);
    }
}

/// How long the call took, and its size.
#[inline(always)]
pub fn end(context: &RetProbeContext, call: Call) -> Option<(u64, u64)> {
    // SAFETY: a helper without arguments.
    let now = unsafe { bpf_ktime_get_ns() };
    let thread = thread();
    // SAFETY: as above.
    let entry = unsafe { CUDA_IN_FLIGHT.get(thread) };
    let Some(entry) = entry.filter(|entry| entry.thread_start == thread_start()) else {
        lost(|lost| &mut lost.unmatched);
        return None;
    };
    // The return has taken the return address off the stack.
    let entered = returned_to(context).wrapping_sub(size_of::<u64>() as u64);
    if entered != entry.stack_pointer {
        // That of a call within the call.
        if entered > entry.stack_pointer {
            lost(|lost| &mut lost.unmatched);
        }
        return None;
    }
    let measured = (now.wrapping_sub(entry.begin), entry.bytes);
    let same = entry.operation == call.operation() as u64;
    let _ = CUDA_IN_FLIGHT.remove(thread);
    same.then_some(measured)
}

#[inline(always)]
fn lost(which: impl FnOnce(&mut Lost) -> &mut u64) {
    if let Some(record) = CUDA_LOST.get_ptr_mut(0) {
        // SAFETY: this CPU's own record.
        add(which(unsafe { &mut *record }), 1);
    }
}

#[inline(always)]
fn thread() -> u32 {
    bpf_get_current_pid_tgid() as u32
}

#[inline(always)]
fn thread_start() -> u64 {
    // SAFETY: the task that runs.
    unsafe { Copied::read(&TASK_START, bpf_get_current_task() as *const u8) }
}

#[inline(always)]
fn stack_pointer(context: &ProbeContext) -> u64 {
    // SAFETY: the program's own context.
    unsafe { registers::stack_pointer(context.as_ptr()) }
}

#[inline(always)]
fn returned_to(context: &RetProbeContext) -> u64 {
    // SAFETY: as above.
    unsafe { registers::stack_pointer(context.as_ptr()) }
}
