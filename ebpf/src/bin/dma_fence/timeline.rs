//! The counters of a timeline: the fences of one queue of a driver, in their order.

use core::ffi::c_void;

use aya_ebpf::bindings::BPF_F_NO_PREALLOC;
use aya_ebpf::btf_maps::{Array, HashMap, PerCpuArray, PerCpuHashMap};
use aya_ebpf::macros::btf_map;
use geophone_ebpf::names::{Candidate, Name, Names, OTHER, number};
use geophone_ebpf::observe::{add, observe_nanoseconds};
use geophone_ebpf::{Histogram, declare, option, record};

option!(SCHEMA: u32 = 3);

declare! {
    DRIVER: u32 = "record dma_fence/dma_fence_init.driver";
    TIMELINE: u32 = "record dma_fence/dma_fence_init.timeline";
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct TimelineNames {
    driver: Name,
    timeline: Name,
}

// SAFETY: two names of 32 bytes.
unsafe impl Names<8> for TimelineNames {}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct TimelineKey {
    timeline: u32,
}

#[repr(C)]
pub struct Fences {
    initialised: u64,
    abandoned: u64,
}

#[repr(C)]
pub struct Latency {
    latency: Histogram,
}

#[repr(C)]
pub struct Waits {
    wait: Histogram,
}

/// Each cell by its event: a fence's making and signal, a wait's begin and end.
#[repr(C)]
pub struct Lost {
    /// Second events without their first.
    pub unmatched: [u64; 2],
    /// First events that were forgotten for another's.
    pub untracked: [u64; 2],
}

/// Positions in [`Lost`].
pub const FENCE: usize = 0;
pub const WAIT: usize = 1;

#[btf_map]
static DMA_FENCE_NAMES: HashMap<TimelineNames, u32, 1> = HashMap::new();

#[btf_map]
static DMA_FENCE_SEEN: Array<Candidate<TimelineNames>, 64> = Array::new();

// Allocated at the start, because the program that is at a classic tracepoint may use no
// other before 6.1.
#[btf_map]
static DMA_FENCES: PerCpuHashMap<TimelineKey, Fences, 1> = PerCpuHashMap::new();

const NO_PREALLOC: usize = BPF_F_NO_PREALLOC as usize;

#[btf_map]
static DMA_FENCE_LATENCY: PerCpuHashMap<TimelineKey, Latency, 1, NO_PREALLOC> =
    PerCpuHashMap::new();

#[btf_map]
static DMA_FENCE_WAITS: PerCpuHashMap<TimelineKey, Waits, 1, NO_PREALLOC> = PerCpuHashMap::new();

#[btf_map]
static DMA_FENCE_LOST: PerCpuArray<Lost, 1> = PerCpuArray::new();

/// The timeline of the fence that is being made.
///
/// # Safety
///
/// `context` is the own context of the program at `dma_fence_init`.
#[inline(always)]
pub unsafe fn of_record(context: *mut c_void) -> u32 {
    let mut names = TimelineNames {
        driver: Name::EMPTY,
        timeline: Name::EMPTY,
    };
    // SAFETY: the caller's.
    unsafe {
        names.driver.read(record::text(context, &DRIVER));
        names.timeline.read(record::text(context, &TIMELINE));
    }
    number(&names, &DMA_FENCE_NAMES, &DMA_FENCE_SEEN)
}

#[inline(always)]
pub fn initialised(timeline: u32) {
    if let Some(fences) = own(&DMA_FENCES, timeline) {
        add(&mut fences.initialised, 1);
    }
}

#[inline(always)]
pub fn abandoned(timeline: u32) {
    if let Some(fences) = own(&DMA_FENCES, timeline) {
        add(&mut fences.abandoned, 1);
    }
}

/// A second event without its first, or a first event that was forgotten for another's.
#[inline(always)]
pub fn lost(which: impl FnOnce(&mut Lost) -> &mut u64) {
    if let Some(record) = DMA_FENCE_LOST.get_ptr_mut(0) {
        // SAFETY: this CPU's own record.
        add(which(unsafe { &mut *record }), 1);
    }
}

#[inline(always)]
pub fn signaled_after(timeline: u32, nanoseconds: u64) {
    if let Some(record) = own(&DMA_FENCE_LATENCY, timeline) {
        observe_nanoseconds(&mut record.latency, nanoseconds, SCHEMA.load());
    }
}

#[inline(always)]
pub fn waited(timeline: u32, nanoseconds: u64) {
    if let Some(record) = own(&DMA_FENCE_WAITS, timeline) {
        observe_nanoseconds(&mut record.wait, nanoseconds, SCHEMA.load());
    }
}

/// This CPU's record of the timeline; where it has none, that of `other`.
#[inline(always)]
fn own<V, const F: usize>(
    map: &'static PerCpuHashMap<TimelineKey, V, 1, F>,
    timeline: u32,
) -> Option<&'static mut V> {
    let record = map
        .get_ptr_mut(TimelineKey { timeline })
        .or_else(|| map.get_ptr_mut(TimelineKey { timeline: OTHER }));
    // SAFETY: this CPU's own record, and no other reference to it is alive.
    record.map(|record| unsafe { &mut *record })
}
