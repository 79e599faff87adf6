//! A fence from its making to its signal.

use core::ffi::c_void;

use aya_ebpf::btf_maps::Array;
use aya_ebpf::helpers::bpf_ktime_get_ns;
use aya_ebpf::macros::btf_map;
use geophone_ebpf::access::Access;
use geophone_ebpf::places::{self, Place};
use geophone_ebpf::{declare, option, record};

use crate::timeline::{self, FENCE};

option!(MAX_IN_FLIGHT: u32 = 2048);

declare! {
    CONTEXT: u64 = "field dma_fence.context";
    SEQNO: u64 = "field dma_fence.seqno";
    RECORD_CONTEXT: u32 = "field trace_event_raw_dma_fence_unsignaled.context | trace_event_raw_dma_fence_ops.context | trace_event_raw_dma_fence.context";
    RECORD_SEQNO: u32 = "field trace_event_raw_dma_fence_unsignaled.seqno | trace_event_raw_dma_fence_ops.seqno | trace_event_raw_dma_fence.seqno";
}

/// When something began, and on which timeline.
#[repr(C)]
pub struct Begun {
    pub time: u64,
    pub timeline: u64,
}

/// Fences that have not signaled.
#[btf_map]
static DMA_FENCE_IN_FLIGHT: Array<Place<Begun>, 1> = Array::new();

/// What tells a fence from all others that are alive: the lower halves of its context and of
/// its number therein, which is all that the record has of them. Nor would its address do: on
/// older kernels i915 makes a fence once and sends it many times, with another number each time.
#[derive(Clone, Copy)]
pub struct Identity {
    context: u32,
    seqno: u32,
}

impl Identity {
    /// # Safety
    ///
    /// `fence` is that of a tracepoint's argument.
    #[inline(always)]
    pub unsafe fn of<A: Access>(fence: u64) -> Self {
        let fence = fence as *const u8;
        // SAFETY: the caller's.
        unsafe {
            Self {
                context: A::read(&CONTEXT, fence) as u32,
                seqno: A::read(&SEQNO, fence) as u32,
            }
        }
    }

    /// Never zero, which a fence that was not given a number yet would have.
    #[inline(always)]
    fn key(self) -> u64 {
        let key = u64::from(self.context) << 32 | u64::from(self.seqno);
        if key == 0 { u64::MAX } else { key }
    }

    #[inline(always)]
    fn hash(self) -> u32 {
        self.context.wrapping_mul(0x85eb_ca6b) ^ self.seqno
    }

    #[inline(always)]
    fn find(self) -> Option<*mut Place<Begun>> {
        places::find(
            &DMA_FENCE_IN_FLIGHT,
            MAX_IN_FLIGHT.load(),
            self.hash(),
            self.key(),
        )
    }

    /// The timeline, of a fence that is in flight.
    #[inline(always)]
    pub fn timeline(self) -> Option<u32> {
        // SAFETY: in the array.
        self.find()
            .map(|place| unsafe { (*place).value.timeline } as u32)
    }
}

/// # Safety
///
/// `context` is the own context of the program at `dma_fence_init`.
#[inline(always)]
pub unsafe fn initialised(context: *mut c_void) {
    // SAFETY: the caller's.
    let (identity, timeline) = unsafe {
        let identity = Identity {
            context: record::field(context, &RECORD_CONTEXT),
            seqno: record::field(context, &RECORD_SEQNO),
        };
        (identity, timeline::of_record(context))
    };
    timeline::initialised(timeline);
    let count = MAX_IN_FLIGHT.load();
    let (hash, key) = (identity.hash(), identity.key());
    let Some(place) = places::claim(&DMA_FENCE_IN_FLIGHT, count, hash, key) else {
        return;
    };
    // SAFETY: in the array.
    let place = unsafe { &mut *place };
    if place.key != 0 {
        timeline::in_flight(place.value.timeline as u32, -1);
        timeline::lost(|lost| &mut lost.untracked[FENCE]);
    }
    timeline::in_flight(timeline, 1);
    // SAFETY: a helper without arguments.
    place.value.time = unsafe { bpf_ktime_get_ns() };
    place.value.timeline = u64::from(timeline);
    place.key = key;
}

#[inline(always)]
pub fn signaled(identity: Identity) {
    let Some(begun) = forget(identity) else {
        timeline::lost(|lost| &mut lost.unmatched[FENCE]);
        return;
    };
    // SAFETY: a helper without arguments.
    let now = unsafe { bpf_ktime_get_ns() };
    timeline::signaled_after(begun.timeline as u32, now.wrapping_sub(begun.time));
}

#[inline(always)]
pub fn destroyed(identity: Identity) {
    if let Some(begun) = forget(identity) {
        timeline::abandoned(begun.timeline as u32);
    }
}

/// Takes a fence out of flight.
#[inline(always)]
fn forget(identity: Identity) -> Option<Begun> {
    // SAFETY: in the array.
    let place = unsafe { &mut *identity.find()? };
    let begun = Begun {
        time: place.value.time,
        timeline: place.value.timeline,
    };
    place.key = 0;
    timeline::in_flight(begun.timeline as u32, -1);
    Some(begun)
}
