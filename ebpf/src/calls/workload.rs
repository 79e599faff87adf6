//! The counters of the workload that makes a call.

use super::maps::ByWorkload;
use super::{Api, Call, Maps, task};
use crate::attention;
use crate::observe::preemptible::{add, observe_nanoseconds};
use crate::{Histogram, bounded};

/// The workload of processes that user space has not told of.
const OTHER: u32 = u32::MAX;

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
pub struct Calls<const OPERATIONS: usize, const DIRECTIONS: usize, const KINDS: usize> {
    calls: [u64; OPERATIONS],
    bytes: [u64; DIRECTIONS],
    allocated: [u64; KINDS],
}

#[repr(C)]
pub struct Errors<const N: usize> {
    errors: [u64; N],
}

#[repr(C)]
pub struct Timed {
    duration: Histogram,
    failed: u64,
}

/// The cells of [`Calls`], by position in their labels.
pub trait Counters {
    fn called(&mut self, operation: usize) -> Option<&mut u64>;
    fn moved(&mut self, direction: usize) -> Option<&mut u64>;
    fn allocated(&mut self, kind: usize) -> Option<&mut u64>;
}

impl<const O: usize, const D: usize, const K: usize> Counters for Calls<O, D, K> {
    #[inline(always)]
    fn called(&mut self, operation: usize) -> Option<&mut u64> {
        self.calls.get_mut(operation)
    }

    #[inline(always)]
    fn moved(&mut self, direction: usize) -> Option<&mut u64> {
        self.bytes.get_mut(direction)
    }

    #[inline(always)]
    fn allocated(&mut self, kind: usize) -> Option<&mut u64> {
        self.allocated.get_mut(kind)
    }
}

/// The cells of [`Errors`], by position in their label.
pub trait Names {
    fn name(&mut self, position: usize) -> Option<&mut u64>;
}

impl<const N: usize> Names for Errors<N> {
    #[inline(always)]
    fn name(&mut self, position: usize) -> Option<&mut u64> {
        self.errors.get_mut(position)
    }
}

/// A call, the bytes that it moved and in which direction, and those that it allocated.
#[inline(always)]
pub fn count<A: Maps>(call: Call, [bytes, direction]: [u64; 2], allocated: u64) {
    let Some(record) = own::<A, _, _>(A::calls(), |workload| WorkloadKey { workload }) else {
        return;
    };
    if let Some(cell) = record.called(call.operation()) {
        add(cell, 1);
    }
    if bytes != 0
        && let Some(cell) = record.moved(bounded::held(direction as usize))
    {
        add(cell, bytes);
    }
    if allocated != 0
        && let Some(cell) = record.allocated(call.kind())
    {
        add(cell, allocated);
    }
}

/// A timed call that has returned `error`.
#[inline(always)]
pub fn finish<A: Api>(call: Call, duration: u64, moved: [u64; 2], allocated: u64, error: u32) {
    count::<A>(call, moved, allocated);
    let operation = call.operation().wrapping_sub(A::FIRST_TIMED) as u32;
    let timed = own::<A, _, _>(A::timed(), |workload| TimedKey {
        workload,
        operation,
    });
    if let Some(timed) = timed {
        observe_nanoseconds(&mut timed.duration, duration, A::schema());
        add(&mut timed.failed, u64::from(error != 0));
    }
    if error == 0 {
        return;
    }
    let errors = own::<A, _, _>(A::errors(), |workload| WorkloadKey { workload });
    if let Some(cell) = errors.and_then(|record| record.name(position::<A>(error))) {
        add(cell, 1);
    }
}

/// This CPU's record of the workload that the process belongs to.
#[inline(always)]
fn own<A: Maps, K, V>(
    map: &'static ByWorkload<K, V>,
    key: impl Fn(u32) -> K,
) -> Option<&'static mut V> {
    // SAFETY: a number, copied at once.
    let workload = match unsafe { A::processes().get(task::process()) } {
        Some(workload) => *workload,
        None => {
            attention::call(A::strangers(), task::process());
            OTHER
        }
    };
    let record = map
        .get_ptr_mut(key(workload))
        .or_else(|| map.get_ptr_mut(key(OTHER)));
    // SAFETY: this CPU's record. Another thread may be put on this CPU at any instruction:
    // cells are added to atomically.
    record.map(|record| unsafe { &mut *record })
}

/// Position of a code in the label `error`.
#[inline(always)]
fn position<A: Api>(error: u32) -> usize {
    let mut position = 0;
    while position < A::CODES.len() {
        if A::CODES[position] == error {
            return position;
        }
        position += 1;
    }
    A::CODES.len()
}
