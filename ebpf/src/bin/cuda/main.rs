//! Calls of the CUDA driver API (`libcuda`): how many, how long they kept their thread, what
//! they moved, and how they failed.
//!
//! One program at the entry of every function and one at the return of those that are timed.
//! Which function was called, and where its size argument is, comes in the attach cookie. A
//! launch is entered and counted, nothing more: it returns before the GPU has begun.

#![no_std]
#![no_main]

mod call;
mod in_flight;
mod workload;

use aya_ebpf::EbpfContext as _;
use aya_ebpf::macros::{uprobe, uretprobe};
use aya_ebpf::programs::{ProbeContext, RetProbeContext};

use geophone_ebpf::registers::returned;

use crate::call::Call;

geophone_ebpf::probe_object!();

#[uprobe]
pub fn cuda_entry(context: ProbeContext) -> u32 {
    // SAFETY: the program's own context.
    let call = unsafe { Call::of(context.as_ptr()) };
    // What the library calls in itself is part of the call that the application made.
    if in_flight::is_within(&context) {
        return 0;
    }
    let bytes = call.bytes(&context);
    if call.is_timed() {
        in_flight::begin(&context, call, bytes);
    } else {
        workload::count(call, bytes);
    }
    0
}

#[uretprobe]
pub fn cuda_return(context: RetProbeContext) -> u32 {
    // SAFETY: the program's own context.
    let call = unsafe { Call::of(context.as_ptr()) };
    if let Some((duration, bytes)) = in_flight::end(&context, call) {
        // SAFETY: as above. A CUresult, in the lower half.
        let error = unsafe { returned(context.as_ptr()) } as u32;
        workload::finish(call, duration, bytes, error);
    }
    0
}
