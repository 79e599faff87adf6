//! Calls of the HIP API (`libamdhip64`).

#![no_std]
#![no_main]

use aya_ebpf::macros::{uprobe, uretprobe};
use aya_ebpf::programs::{ProbeContext, RetProbeContext};
use geophone_ebpf::calls::{self, Api, Call};

geophone_ebpf::probe_object!();

enum Hip {}

geophone_ebpf::call_maps!(
    Hip: [21, 8, 6, 30],
    HIP_PROCESSES, HIP_STRANGERS, HIP_IN_FLIGHT, HIP_LOST, HIP_CALLS, HIP_ERRORS, HIP_TIMED,
    HIP_ALLOCATIONS
);

impl Api for Hip {
    const FIRST_TIMED: usize = 6;
    /// Of `hipError_t` (hip_runtime_api.h).
    const CODES: &'static [u32] = &[
        1, 2, 3, 4, 9, 13, 17, 21, 35, 98, 100, 101, 200, 201, 209, 214, 304, 400, 700, 701, 702,
        709, 710, 719, 801, 900, 999, 1052, 1053,
    ];

    #[inline(always)]
    fn direction(call: Call, context: &ProbeContext) -> u64 {
        calls::copy::direction(call, context)
    }
}

#[uprobe]
pub fn hip_entry(context: ProbeContext) -> u32 {
    calls::entry::<Hip>(&context)
}

#[uretprobe]
pub fn hip_return(context: RetProbeContext) -> u32 {
    calls::exit::<Hip>(&context)
}
