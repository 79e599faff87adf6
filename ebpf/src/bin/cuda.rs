//! Calls of the CUDA driver API (`libcuda`).
//!
//! A launch is entered and counted, nothing more: it returns before the GPU has begun.

#![no_std]
#![no_main]

use aya_ebpf::macros::{uprobe, uretprobe};
use aya_ebpf::programs::{ProbeContext, RetProbeContext};
use geophone_ebpf::calls::{self, Api};

geophone_ebpf::probe_object!();

enum Driver {}

geophone_ebpf::call_maps!(
    Driver: [19, 7, 6, 28],
    CUDA_PROCESSES, CUDA_STRANGERS, CUDA_IN_FLIGHT, CUDA_LOST, CUDA_CALLS, CUDA_ERRORS, CUDA_TIMED,
    CUDA_ALLOCATIONS
);

impl Api for Driver {
    const FIRST_TIMED: usize = 6;
    /// Of `CUresult` (cuda.h).
    const CODES: &'static [u32] = &[
        1, 2, 3, 4, 46, 100, 101, 200, 201, 209, 214, 218, 220, 304, 400, 700, 701, 702, 709, 710,
        715, 716, 717, 719, 800, 802, 999,
    ];
}

#[uprobe]
pub fn cuda_entry(context: ProbeContext) -> u32 {
    calls::entry::<Driver>(&context)
}

#[uretprobe]
pub fn cuda_return(context: RetProbeContext) -> u32 {
    calls::exit::<Driver>(&context)
}
