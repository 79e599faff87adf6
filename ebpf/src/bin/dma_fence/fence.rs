//! A fence from its making to its signal.

use core::ffi::c_void;

use aya_ebpf::btf_maps::Array;
use aya_ebpf::helpers::bpf_ktime_get_ns;
use aya_ebpf::macros::btf_map;
use geophone_ebpf::fence::Fence;
use geophone_ebpf::places::{self, Place};
use geophone_ebpf::{declare, option, record};

use crate::timeline::{self, FENCE};

option!(MAX_IN_FLIGHT: u32 = 2048);

declare! {
    CONTEXT: u32 = "record dma_fence/dma_fence_init.context";
    SEQNO: u32 = "record dma_fence/dma_fence_init.seqno";
}

/// When something began, and on which timeline.
#[repr(C)]
pub struct Begun {
    pub time: u64,
    pub timeline: u64,
}

/// Fences that have not signaled. User space counts them.
#[btf_map]
static DMA_FENCE_IN_FLIGHT: Array<Place<Begun>, 1> = Array::new();

#[inline(always)]
fn find(fence: Fence) -> Option<*mut Place<Begun>> {
    places::find(
        &DMA_FENCE_IN_FLIGHT,
        MAX_IN_FLIGHT.load(),
        fence.hash(),
        fence.key(),
    )
}

/// The timeline, of a fence that is in flight.
#[inline(always)]
pub fn timeline_of(fence: Fence) -> Option<u32> {
    // SAFETY: in the array.
    find(fence).map(|place| unsafe { (*place).value.timeline } as u32)
}

/// # Safety
///
/// `context` is the own context of the program at `dma_fence_init`.
#[inline(always)]
pub unsafe fn initialised(context: *mut c_void) {
    // SAFETY: the caller's.
    let (fence, timeline) = unsafe {
        let fence = Fence {
            context: record::field(context, &CONTEXT),
            seqno: record::field(context, &SEQNO),
        };
        (fence, timeline::of_record(context))
    };
    timeline::initialised(timeline);
    let count = MAX_IN_FLIGHT.load();
    let (hash, key) = (fence.hash(), fence.key());
    let Some(place) = places::claim(&DMA_FENCE_IN_FLIGHT, count, hash, key) else {
        return;
    };
    // SAFETY: in the array.
    let place = unsafe { &mut *place };
    if place.key != 0 {
        timeline::lost(|lost| &mut lost.untracked[FENCE]);
    }
    // SAFETY: a helper without arguments.
    place.value.time = unsafe { bpf_ktime_get_ns() };
    place.value.timeline = u64::from(timeline);
    place.key = key;
}

#[inline(always)]
pub fn signaled(fence: Fence) {
    let Some(begun) = forget(fence) else {
        timeline::lost(|lost| &mut lost.unmatched[FENCE]);
        return;
    };
    // SAFETY: a helper without arguments.
    let now = unsafe { bpf_ktime_get_ns() };
    timeline::signaled_after(begun.timeline as u32, now.wrapping_sub(begun.time));
}

#[inline(always)]
pub fn destroyed(fence: Fence) {
    if let Some(begun) = forget(fence) {
        timeline::abandoned(begun.timeline as u32);
    }
}

/// Takes a fence out of flight.
#[inline(always)]
fn forget(fence: Fence) -> Option<Begun> {
    // SAFETY: in the array.
    let place = unsafe { &mut *find(fence)? };
    let begun = Begun {
        time: place.value.time,
        timeline: place.value.timeline,
    };
    place.key = 0;
    Some(begun)
}
