//! When a request was issued to the driver.
//!
//! The kernel stamps a request as it is issued, on most queues. Since 6.9 the stamp is of no
//! use: `blk_time_get_ns()` reads the clock once for all that a task does under a plug, and
//! a request that waits in the plug has the same time for its allocation and its issue.

use core::arch::asm;

use aya_ebpf::btf_maps::Array;
use aya_ebpf::helpers::bpf_ktime_get_ns;
use aya_ebpf::macros::btf_map;
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

#[repr(C)]
pub struct Issue {
    /// Address; zero where the place is free.
    request: u64,
    time: u64,
}

/// Each request has two places, by its address. An array, because a hash map's insertion and
/// deletion cost more than all else that is done for a request.
#[btf_map]
static BLOCK_IO_ISSUED: Array<Issue, 1> = Array::new();

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
    let [first, second] = places(request);
    // Of two requests in both its places one is forgotten: it shows as unsplit.
    let place = match (entry(first), entry(second)) {
        (Some(first), _) if is(first, request) || is(first, 0) => first,
        (_, Some(second)) if is(second, request) || is(second, 0) => second,
        (Some(first), _) => first,
        _ => return,
    };
    // SAFETY: in the array. Another request's issue or completion on another CPU may write
    // here at this moment; either then misses its time, or has one of the same moment.
    unsafe {
        (*place).time = bpf_ktime_get_ns();
        (*place).request = request;
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
    let [first, second] = places(request);
    let place = match (entry(first), entry(second)) {
        (Some(first), _) if is(first, request) => first,
        (_, Some(second)) if is(second, request) => second,
        _ => return 0,
    };
    // SAFETY: as in `remember`.
    unsafe {
        (*place).request = 0;
        (*place).time
    }
}

/// Two neighbours, by Fibonacci hashing of the address, which is mapped to the number of
/// places by its upper half.
#[inline(always)]
fn places(request: u64) -> [u32; 2] {
    let hash = low_half(request).wrapping_mul(0x9e37_79b1);
    let first = ((u64::from(hash) * u64::from(MAX_IN_FLIGHT.load())) >> 32) as u32;
    [first, first ^ 1]
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

#[inline(always)]
fn entry(place: u32) -> Option<*mut Issue> {
    BLOCK_IO_ISSUED.get_ptr_mut(place)
}

#[inline(always)]
fn is(entry: *mut Issue, request: u64) -> bool {
    // SAFETY: in the array.
    unsafe { (*entry).request == request }
}
