//! The counters of the workload that makes a call.

use aya_ebpf::btf_maps::{HashMap, PerCpuHashMap};
use aya_ebpf::macros::btf_map;
use geophone_ebpf::observe::preemptible::{add, observe_nanoseconds};
use geophone_ebpf::{Histogram, option};

use crate::NO_PREALLOC;
use crate::call::Call;
use crate::task;

option!(SCHEMA: u32 = 3);

/// No schema is above it.
pub const FINEST: u32 = 3;

/// The workload of processes that are not in [`CUDA_PROCESSES`].
const OTHER: u32 = u32::MAX;

/// As many as the manifest names.
const OPERATIONS: usize = 19;
/// The first that is timed: positions in the label of the timed ones count from here.
const FIRST_TIMED: usize = 6;
const DIRECTIONS: usize = 7;
const KINDS: usize = 6;
const ERRORS: usize = 28;

#[repr(C)]
#[derive(Clone, Copy)]
pub struct WorkloadKey {
    workload: u32,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct TimedKey {
    workload: u32,
    operation: u32,
}

#[repr(C)]
pub struct Calls {
    calls: [u64; OPERATIONS],
    bytes: [u64; DIRECTIONS],
    allocated: [u64; KINDS],
}

#[repr(C)]
pub struct Returns {
    errors: [u64; ERRORS],
}

#[repr(C)]
pub struct Timed {
    duration: Histogram,
    failed: u64,
}

/// Which workload each process belongs to. User space fills it.
#[btf_map]
static CUDA_PROCESSES: HashMap<u32, u32, 1, NO_PREALLOC> = HashMap::new();

#[btf_map]
static CUDA_CALLS: PerCpuHashMap<WorkloadKey, Calls, 1, NO_PREALLOC> = PerCpuHashMap::new();

#[btf_map]
static CUDA_ERRORS: PerCpuHashMap<WorkloadKey, Returns, 1, NO_PREALLOC> = PerCpuHashMap::new();

#[btf_map]
static CUDA_TIMED: PerCpuHashMap<TimedKey, Timed, 1, NO_PREALLOC> = PerCpuHashMap::new();

/// A call and the bytes that it moved and allocated.
#[inline(always)]
pub fn count(call: Call, bytes: u64, allocated: u64) {
    let Some(record) = own(&CUDA_CALLS, |workload| WorkloadKey { workload }) else {
        return;
    };
    if let Some(cell) = record.calls.get_mut(call.operation()) {
        add(cell, 1);
    }
    if bytes != 0
        && let Some(cell) = record.bytes.get_mut(call.direction())
    {
        add(cell, bytes);
    }
    if allocated != 0
        && let Some(cell) = record.allocated.get_mut(call.kind())
    {
        add(cell, allocated);
    }
}

/// A timed call that has returned `error`.
#[inline(always)]
pub fn finish(call: Call, duration: u64, bytes: u64, allocated: u64, error: u32) {
    count(call, bytes, allocated);
    let operation = call.operation().wrapping_sub(FIRST_TIMED) as u32;
    let timed = own(&CUDA_TIMED, |workload| TimedKey {
        workload,
        operation,
    });
    if let Some(timed) = timed {
        observe_nanoseconds(&mut timed.duration, duration, SCHEMA.load());
        add(&mut timed.failed, u64::from(error != 0));
    }
    if error == 0 {
        return;
    }
    let errors = own(&CUDA_ERRORS, |workload| WorkloadKey { workload });
    if let Some(cell) = errors.and_then(|record| record.errors.get_mut(name(error))) {
        add(cell, 1);
    }
}

/// This CPU's record of the workload that the process belongs to.
#[inline(always)]
fn own<K, V, const N: usize, const F: usize>(
    map: &'static PerCpuHashMap<K, V, N, F>,
    key: impl Fn(u32) -> K,
) -> Option<&'static mut V> {
    // SAFETY: a number, copied at once.
    let workload = unsafe { CUDA_PROCESSES.get(task::process()) }
        .copied()
        .unwrap_or(OTHER);
    let record = map
        .get_ptr_mut(key(workload))
        .or_else(|| map.get_ptr_mut(key(OTHER)));
    // SAFETY: this CPU's record. Another thread may be put on this CPU at any instruction:
    // cells are added to atomically.
    record.map(|record| unsafe { &mut *record })
}

/// Position of a `CUresult` (cuda.h) in the label `error`.
#[inline(always)]
fn name(error: u32) -> usize {
    const CODES: [u32; ERRORS - 1] = [
        1, 2, 3, 4, 46, 100, 101, 200, 201, 209, 214, 218, 220, 304, 400, 700, 701, 702, 709, 710,
        715, 716, 717, 719, 800, 802, 999,
    ];
    let mut position = 0;
    while position < CODES.len() {
        if CODES[position] == error {
            return position;
        }
        position += 1;
    }
    ERRORS - 1
}
