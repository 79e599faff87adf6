//! The counters of a ring: a queue of a device, of which the scheduler keeps the order.

use aya_ebpf::bindings::BPF_F_NO_PREALLOC;
use aya_ebpf::btf_maps::{Array, HashMap, PerCpuArray, PerCpuHashMap};
use aya_ebpf::macros::btf_map;
use geophone_ebpf::names::{Candidate, Name, Names, OTHER, number};
use geophone_ebpf::observe::{add, observe_nanoseconds};
use geophone_ebpf::{Histogram, option};

option!(SCHEMA: u32 = 3);

/// The device of records that do not tell it.
const UNKNOWN: Name = Name::of("unknown");

#[repr(C)]
#[derive(Clone, Copy)]
pub struct RingNames {
    device: Name,
    ring: Name,
}

// SAFETY: two names of 32 bytes.
unsafe impl Names<8> for RingNames {}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct RingKey {
    ring: u32,
}

#[repr(C)]
pub struct Jobs {
    queued: u64,
    cancelled: u64,
    failed: u64,
}

#[repr(C)]
pub struct Times {
    queue: Histogram,
    execution: Histogram,
}

#[repr(C)]
pub struct Lost {
    /// Jobs that were run and not seen to be queued.
    unmatched: u64,
    /// Jobs that were forgotten for others.
    untracked: u64,
}

#[btf_map]
static GPU_SCHEDULER_NAMES: HashMap<RingNames, u32, 1> = HashMap::new();

#[btf_map]
static GPU_SCHEDULER_SEEN: Array<Candidate<RingNames>, 64> = Array::new();

// Allocated at the start, because programs at classic tracepoints may use no other before 6.1.
#[btf_map]
static GPU_SCHEDULER: PerCpuHashMap<RingKey, Jobs, 1> = PerCpuHashMap::new();

const NO_PREALLOC: usize = BPF_F_NO_PREALLOC as usize;

#[btf_map]
static GPU_SCHEDULER_TIMES: PerCpuHashMap<RingKey, Times, 1, NO_PREALLOC> = PerCpuHashMap::new();

#[btf_map]
static GPU_SCHEDULER_LOST: PerCpuArray<Lost, 1> = PerCpuArray::new();

/// A ring by its number.
#[derive(Clone, Copy)]
pub struct Ring(pub u32);

impl Ring {
    /// The ring of these names, at the addresses of their texts.
    #[inline(always)]
    pub fn of(device: Option<*const u8>, ring: *const u8) -> Self {
        let mut names = RingNames {
            device: UNKNOWN,
            ring: Name::EMPTY,
        };
        if let Some(device) = device {
            names.device = Name::EMPTY;
            names.device.read(device);
        }
        names.ring.read(ring);
        Self(number(&names, &GPU_SCHEDULER_NAMES, &GPU_SCHEDULER_SEEN))
    }
}

#[inline(always)]
pub fn queued(ring: Ring) {
    if let Some(jobs) = own(&GPU_SCHEDULER, ring) {
        add(&mut jobs.queued, 1);
    }
}

/// A job that ended before the device got it.
#[inline(always)]
pub fn cancelled(ring: Ring) {
    if let Some(jobs) = own(&GPU_SCHEDULER, ring) {
        add(&mut jobs.cancelled, 1);
    }
}

/// A job that was queued and executed for so many nanoseconds.
#[inline(always)]
pub fn executed(ring: Ring, [queue, execution]: [u64; 2], failed: bool) {
    if let Some(times) = own(&GPU_SCHEDULER_TIMES, ring) {
        observe_nanoseconds(&mut times.queue, queue, SCHEMA.load());
        observe_nanoseconds(&mut times.execution, execution, SCHEMA.load());
    }
    if failed && let Some(jobs) = own(&GPU_SCHEDULER, ring) {
        add(&mut jobs.failed, 1);
    }
}

#[inline(always)]
pub fn unmatched() {
    if let Some(record) = GPU_SCHEDULER_LOST.get_ptr_mut(0) {
        // SAFETY: this CPU's own record.
        add(unsafe { &mut (*record).unmatched }, 1);
    }
}

#[inline(always)]
pub fn untracked() {
    if let Some(record) = GPU_SCHEDULER_LOST.get_ptr_mut(0) {
        // SAFETY: as above.
        add(unsafe { &mut (*record).untracked }, 1);
    }
}

/// This CPU's record of the ring; where it has none, that of `other`.
#[inline(always)]
fn own<V, const F: usize>(
    map: &'static PerCpuHashMap<RingKey, V, 1, F>,
    Ring(ring): Ring,
) -> Option<&'static mut V> {
    let record = map
        .get_ptr_mut(RingKey { ring })
        .or_else(|| map.get_ptr_mut(RingKey { ring: OTHER }));
    // SAFETY: this CPU's own record, and no other reference to it is alive.
    record.map(|record| unsafe { &mut *record })
}
