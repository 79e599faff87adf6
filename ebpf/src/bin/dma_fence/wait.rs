//! A thread that waits for a fence.

use aya_ebpf::btf_maps::Array;
use aya_ebpf::helpers::{bpf_get_current_pid_tgid, bpf_ktime_get_ns};
use aya_ebpf::macros::btf_map;
use geophone_ebpf::fence::Fence;
use geophone_ebpf::names::OTHER;
use geophone_ebpf::option;
use geophone_ebpf::places::{self, Place};

use crate::fence::{self, Begun};
use crate::timeline::{self, WAIT};

option!(MAX_WAITING: u32 = 512);

/// Threads that wait, by their number.
#[btf_map]
static DMA_FENCE_WAITING: Array<Place<Begun>, 1> = Array::new();

#[inline(always)]
pub fn begun(fence: Fence) {
    let thread = thread();
    let timeline = fence::timeline_of(fence).unwrap_or(OTHER);
    let count = MAX_WAITING.load();
    let Some(place) = places::claim(&DMA_FENCE_WAITING, count, thread, u64::from(thread)) else {
        return;
    };
    // SAFETY: in the array.
    let place = unsafe { &mut *place };
    if place.key != 0 {
        timeline::lost(|lost| &mut lost.untracked[WAIT]);
    }
    // SAFETY: a helper without arguments.
    place.value.time = unsafe { bpf_ktime_get_ns() };
    place.value.timeline = u64::from(timeline);
    place.key = u64::from(thread);
}

#[inline(always)]
pub fn ended() {
    // SAFETY: a helper without arguments.
    let now = unsafe { bpf_ktime_get_ns() };
    let thread = thread();
    let count = MAX_WAITING.load();
    let Some(place) = places::find(&DMA_FENCE_WAITING, count, thread, u64::from(thread)) else {
        timeline::lost(|lost| &mut lost.unmatched[WAIT]);
        return;
    };
    // SAFETY: in the array.
    let place = unsafe { &mut *place };
    let (time, timeline) = (place.value.time, place.value.timeline as u32);
    place.key = 0;
    timeline::waited(timeline, now.wrapping_sub(time));
}

#[inline(always)]
fn thread() -> u32 {
    bpf_get_current_pid_tgid() as u32
}
