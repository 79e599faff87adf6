//! Calls of the CUDA runtime API (`libcudart`), where it is not linked statically.

#![no_std]
#![no_main]

use aya_ebpf::macros::{uprobe, uretprobe};
use aya_ebpf::programs::{ProbeContext, RetProbeContext};
use geophone_ebpf::calls::{self, Api, Call};

geophone_ebpf::probe_object!();

enum Runtime {}

geophone_ebpf::call_maps!(
    Runtime: [16, 8, 5, 36],
    CUDART_PROCESSES, CUDART_STRANGERS, CUDART_IN_FLIGHT, CUDART_LOST, CUDART_CALLS, CUDART_ERRORS, CUDART_TIMED,
    CUDART_ALLOCATIONS
);

impl Api for Runtime {
    const FIRST_TIMED: usize = 6;
    /// Of `cudaError_t` (driver_types.h), which since CUDA 10.1 are the driver's where it has them.
    const CODES: &'static [u32] = &[
        1, 2, 3, 4, 9, 13, 17, 21, 35, 46, 98, 100, 101, 200, 201, 209, 214, 218, 220, 304, 400,
        700, 701, 702, 709, 710, 715, 716, 717, 719, 800, 801, 802, 900, 999,
    ];

    #[inline(always)]
    fn direction(call: Call, context: &ProbeContext) -> u64 {
        calls::copy::direction(call, context)
    }
}

#[uprobe]
pub fn cudart_entry(context: ProbeContext) -> u32 {
    calls::entry::<Runtime>(&context)
}

#[uretprobe]
pub fn cudart_return(context: RetProbeContext) -> u32 {
    calls::exit::<Runtime>(&context)
}
