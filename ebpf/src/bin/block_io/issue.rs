//! When a request was issued to the driver.
//!
//! The kernel stamps a request as it is issued, on most queues. Since 6.9 the stamp is of no
//! use: `blk_time_get_ns()` reads the clock once for all that a task does under a plug, and
//! a request that waits in the plug has the same time for its allocation and its issue.

use core::arch::asm;

use aya_ebpf::btf_maps::Array;
use aya_ebpf::helpers::bpf_ktime_get_ns;
use aya_ebpf::macros::btf_map;
use geophone_ebpf::places::{self, Place};
use geophone_ebpf::{declare, option};

option!(MAX_IN_FLIGHT: u32 = 4096);

declare! {
    PLUG_CLOCK = "exists blk_plug.cur_ktime";
}

/// What [`BLOCK_IO_UNSTAMPED`] can hold besides 0: there are queues that do not stamp, the
/// stamps are not to be used, and they are to be used.
const REMEMBER: u64 = 1;
const DISTRUST: u64 = 2;
const TRUST: u64 = 3;

/// Times of issue by the address of the request.
#[btf_map]
static BLOCK_IO_ISSUED: Array<Place<u64>, 1> = Array::new();

/// [`REMEMBER`] once a request completed without the kernel's stamp of its issue. Tests write
/// the other two.
#[btf_map]
static BLOCK_IO_UNSTAMPED: Array<u64, 1> = Array::new();

/// Whether the times of issue have to be remembered.
#[inline(always)]
pub fn remembering() -> bool {
    PLUG_CLOCK.holds() || BLOCK_IO_UNSTAMPED.get(0).is_some_and(|mode| *mode != 0)
}

/// Notes that `request` is being issued.
#[inline(always)]
pub fn remember(request: u64) {
    // Of two requests in both its places one is forgotten: it shows as unsplit.
    let count = MAX_IN_FLIGHT.load();
    let Some(place) = places::claim(&BLOCK_IO_ISSUED, count, low_half(request), request) else {
        return;
    };
    // SAFETY: in the array. Another request's issue or completion on another CPU may write
    // here at this moment; either then misses its time, or has one of the same moment.
    unsafe {
        (*place).value = bpf_ktime_get_ns();
        (*place).key = request;
    }
}

/// When the request was handed to the driver; zero if nobody knows. A `stampable` request
/// without the kernel's stamp begins the keeping of issue times.
#[inline(always)]
pub fn time(stamped: u64, request: u64, stampable: bool) -> u64 {
    let Some(unstamped) = BLOCK_IO_UNSTAMPED.get_ptr_mut(0) else {
        return stamped;
    };
    // SAFETY: a word, which becomes 1 at most once.
    let mode = unsafe { *unstamped };
    if mode == 0 && !PLUG_CLOCK.holds() {
        if stamped == 0 && stampable {
            // SAFETY: every writer writes the same word.
            unsafe { *unstamped = REMEMBER };
        }
        return stamped;
    }
    // Every completion forgets what its issue left: the address will be another request's.
    let remembered = forget(request);
    let trusted = mode == TRUST || !PLUG_CLOCK.holds() && mode != DISTRUST;
    if stamped != 0 && trusted {
        stamped
    } else {
        remembered
    }
}

#[inline(always)]
fn forget(request: u64) -> u64 {
    let count = MAX_IN_FLIGHT.load();
    let Some(place) = places::find(&BLOCK_IO_ISSUED, count, low_half(request), request) else {
        return 0;
    };
    // SAFETY: as in `remember`.
    unsafe {
        (*place).key = 0;
        (*place).value
    }
}

/// The lower half of an address. The verifier lets a pointer that it knows the type of be
/// multiplied neither whole nor in part, but what a 32-bit copy takes of it is a number.
#[inline(always)]
fn low_half(address: u64) -> u32 {
    let half: u32;
    // SAFETY: a copy of a register.
    unsafe { asm!("{0} = {1}", out(wreg) half, in(wreg) address as u32) };
    half
}
