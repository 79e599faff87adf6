//! Calls of NCCL (`libnccl`) and RCCL (`librccl`).
//!
//! All are timed, so that what one makes of another counts once: `ncclBcast` of
//! `ncclBroadcast`, `ncclAllToAll` of sends and receives in a group.
//!
//! `ncclCommInitRank` takes an id of 128 bytes by value, which x86-64 puts on the stack: what
//! comes after it is not in the register of its position. Nothing after the id is used, nor
//! what is before it.

#![no_std]
#![no_main]

use aya_ebpf::macros::{uprobe, uretprobe};
use aya_ebpf::programs::{ProbeContext, RetProbeContext};
use geophone_ebpf::calls::{self, Api, Call};

geophone_ebpf::probe_object!();

enum Collectives {}

geophone_ebpf::call_maps!(
    Collectives: [18, 11, 0, 8],
    NCCL_PROCESSES, NCCL_STRANGERS, NCCL_IN_FLIGHT, NCCL_LOST, NCCL_CALLS, NCCL_ERRORS, NCCL_TIMED
);

impl Api for Collectives {
    const FIRST_TIMED: usize = 0;
    /// Of `ncclResult_t` (nccl.h).
    const CODES: &'static [u32] = &[1, 2, 3, 4, 5, 6, 8];
    /// `ncclInProgress`, of communicators that do not block.
    const PENDING: u32 = 7;
    const ALLOCATES: bool = false;

    #[inline(always)]
    fn bytes(call: Call, context: &ProbeContext) -> u64 {
        call.qualifier(context).map_or(0, |datatype| {
            call.size(context).wrapping_mul(size_of_datatype(datatype))
        })
    }
}

/// Bytes of an element of an `ncclDataType_t` (nccl.h): of 8-bit integers, of those of 32 and
/// of 64 bits, each with and without sign, of floats of 16, 32 and 64 bits, of bfloat16, of
/// two floats of 8 bits. Zero of one that is not known.
#[inline(always)]
fn size_of_datatype(datatype: u32) -> u64 {
    /// A digit for each, the lowest first.
    const SIZES: u64 = 0x1128_4288_4411;
    if datatype < 16 {
        SIZES >> (4 * datatype) & 0xf
    } else {
        0
    }
}

#[uprobe]
pub fn nccl_entry(context: ProbeContext) -> u32 {
    calls::entry::<Collectives>(&context)
}

#[uretprobe]
pub fn nccl_return(context: RetProbeContext) -> u32 {
    calls::exit::<Collectives>(&context)
}
