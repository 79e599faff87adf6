//! Calls of the CUDA driver API (`libcuda`): how many, how long they kept their thread, what
//! they moved, and how they failed.
//!
//! One program at the entry of every function and one at the return of those that are timed.
//! Which function was called, where its size argument is and what it does with memory, comes
//! in the attach cookie. A launch is entered and counted, nothing more: it returns before the
//! GPU has begun.

#![no_std]
#![no_main]

mod call;
mod in_flight;
mod lost;
mod memory;
mod task;
mod workload;

use aya_ebpf::EbpfContext as _;
use aya_ebpf::bindings::BPF_F_NO_PREALLOC;
use aya_ebpf::macros::{uprobe, uretprobe};
use aya_ebpf::programs::{ProbeContext, RetProbeContext};

use geophone_ebpf::registers::returned;
use geophone_ebpf::stack;

use crate::call::{Call, Memory};
use crate::workload::{FINEST, SCHEMA};

geophone_ebpf::probe_object!();

/// Of maps that are empty where there is no GPU. Programs at functions of processes run where
/// memory can be had, so that none is lost for want of a reserve.
const NO_PREALLOC: usize = BPF_F_NO_PREALLOC as usize;

#[uprobe]
pub fn cuda_entry(context: ProbeContext) -> u32 {
    stack::of_its_own(SCHEMA.load() > FINEST);
    // SAFETY: the program's own context.
    let call = unsafe { Call::of(context.as_ptr()) };
    // What the library calls in itself is part of the call that the application made.
    if in_flight::is_within(&context) {
        return 0;
    }
    let bytes = call.bytes(&context);
    if !call.is_timed() {
        workload::count(call, bytes, 0);
        return 0;
    }
    let memory = call.memory();
    let told = if memory.is_freed() {
        memory::release(call, call.address(&context))
    } else if memory == Memory::PITCHED {
        [bytes, call.pitch(&context)]
    } else {
        [bytes, 0]
    };
    in_flight::begin(&context, call, told);
    0
}

#[uretprobe]
pub fn cuda_return(context: RetProbeContext) -> u32 {
    stack::of_its_own(SCHEMA.load() > FINEST);
    // SAFETY: the program's own context.
    let call = unsafe { Call::of(context.as_ptr()) };
    if let Some((duration, entered)) = in_flight::end(&context, call) {
        // SAFETY: as above. A CUresult, in the lower half.
        let error = unsafe { returned(context.as_ptr()) } as u32;
        let allocated = memory::settle(call, &entered, error != 0);
        let moves = error == 0 && !call.memory().is_any();
        let moved = if moves { entered.bytes } else { 0 };
        workload::finish(call, duration, moved, allocated, error);
    }
    0
}
