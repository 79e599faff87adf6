//! A job from its submission to its end.

use aya_ebpf::btf_maps::Array;
use aya_ebpf::helpers::bpf_ktime_get_ns;
use aya_ebpf::macros::btf_map;
use geophone_ebpf::fence::Fence;
use geophone_ebpf::option;
use geophone_ebpf::places::{self, Place};

use crate::ring::{self, Ring};

option!(MAX_JOBS: u32 = 2048);

#[repr(C)]
pub struct Job {
    queued: u64,
    /// Zero until the device has it.
    run: u64,
    ring: u64,
}

/// Jobs that have not ended, by the fence that signals when they do. User space counts them.
#[btf_map]
static GPU_SCHEDULER_JOBS: Array<Place<Job>, 1> = Array::new();

#[inline(always)]
pub fn queued(fence: Fence, ring: Ring) {
    ring::queued(ring);
    let count = MAX_JOBS.load();
    let Some(place) = places::claim(&GPU_SCHEDULER_JOBS, count, fence.hash(), fence.key()) else {
        return;
    };
    // SAFETY: in the array.
    let place = unsafe { &mut *place };
    if place.key != 0 {
        ring::untracked();
    }
    place.value = Job {
        queued: now(),
        run: 0,
        ring: u64::from(ring.0),
    };
    place.key = fence.key();
}

#[inline(always)]
pub fn run(fence: Fence) {
    match find(fence) {
        // SAFETY: in the array.
        Some(place) => unsafe { (*place).value.run = now() },
        None => ring::unmatched(),
    }
}

/// Most fences that signal are not those of jobs.
#[inline(always)]
pub fn ended(fence: Fence, error: impl FnOnce() -> i32) {
    let Some(place) = find(fence) else {
        return;
    };
    // SAFETY: in the array.
    let place = unsafe { &mut *place };
    let Job { queued, run, ring } = place.value;
    let ring = Ring(ring as u32);
    place.key = 0;
    if run == 0 {
        ring::cancelled(ring);
    } else {
        let times = [run.wrapping_sub(queued), now().wrapping_sub(run)];
        ring::executed(ring, times, error() != 0);
    }
}

#[inline(always)]
fn find(fence: Fence) -> Option<*mut Place<Job>> {
    places::find(
        &GPU_SCHEDULER_JOBS,
        MAX_JOBS.load(),
        fence.hash(),
        fence.key(),
    )
}

#[inline(always)]
fn now() -> u64 {
    // SAFETY: a helper without arguments.
    unsafe { bpf_ktime_get_ns() }
}
