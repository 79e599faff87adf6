//! Timed calls between entry and return, by thread.

use aya_ebpf::EbpfContext as _;
use aya_ebpf::helpers::bpf_ktime_get_ns;
use aya_ebpf::programs::{ProbeContext, RetProbeContext};

use super::lost::lost;
use super::{Call, Maps, task};
use crate::registers;

/// What the entry of a call tells its return.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Entered {
    pub begin: u64,
    /// What the call was asked for; of a pitched allocation the rows, of a free what it frees.
    pub bytes: u64,
    /// The first argument.
    pub address: u64,
    /// Of a pitched allocation where its pitch will be; of a free the kind of memory, from 1;
    /// of all else the position in the label `direction`.
    pub detail: u64,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct Thread {
    thread: u32,
}

#[repr(C)]
pub struct InFlight {
    call: u64,
    /// Of the stack when the function was entered: what it calls has a lower one.
    stack_pointer: u64,
    /// Start of the thread, whose number may have been another's before.
    started: u64,
    entered: Entered,
}

/// Whether the thread is within a timed call.
#[inline(always)]
pub fn is_within<A: Maps>(context: &ProbeContext) -> bool {
    // SAFETY: read before anything else can be done to the entry, which is this thread's own.
    let Some(call) = (unsafe { A::in_flight().get(own()) }) else {
        return false;
    };
    call.started == A::thread_start() && stack_pointer(context) < call.stack_pointer
}

/// `bytes` and `detail` as [`Entered`] has them.
#[inline(always)]
pub fn begin<A: Maps>(context: &ProbeContext, call: Call, [bytes, detail]: [u64; 2]) {
    let thread = own();
    // SAFETY: as above.
    if unsafe { A::in_flight().get(thread) }.is_some() {
        lost::<A>(|lost| &mut lost.abandoned);
    }
    let entry = InFlight {
        call: call.0,
        stack_pointer: stack_pointer(context),
        started: A::thread_start(),
        entered: Entered {
            // SAFETY: a helper without arguments.
            begin: unsafe { bpf_ktime_get_ns() },
            bytes,
            address: call.address(context),
            detail,
        },
    };
    if A::in_flight().insert(thread, &entry, 0).is_err() {
        lost::<A>(|lost| &mut lost.untracked);
    }
}

/// How long the call took, and what its entry told.
#[inline(always)]
pub fn end<A: Maps>(context: &RetProbeContext, call: Call) -> Option<(u64, Entered)> {
    // SAFETY: a helper without arguments.
    let now = unsafe { bpf_ktime_get_ns() };
    let thread = own();
    // SAFETY: as above.
    let entry = unsafe { A::in_flight().get(thread) };
    let Some(entry) = entry.filter(|entry| entry.started == A::thread_start()) else {
        lost::<A>(|lost| &mut lost.unmatched);
        return None;
    };
    let entered = returned_to(context).wrapping_sub(registers::RETURN_ADDRESS);
    if entered != entry.stack_pointer {
        // That of a call within the call.
        if entered > entry.stack_pointer {
            lost::<A>(|lost| &mut lost.unmatched);
        }
        return None;
    }
    let measured = (now.wrapping_sub(entry.entered.begin), entry.entered);
    let same = entry.call == call.0;
    let _ = A::in_flight().remove(thread);
    same.then_some(measured)
}

#[inline(always)]
fn own() -> Thread {
    Thread {
        thread: task::thread(),
    }
}

#[inline(always)]
fn stack_pointer(context: &ProbeContext) -> u64 {
    // SAFETY: the program's own context.
    unsafe { registers::stack_pointer(context.as_ptr()) }
}

#[inline(always)]
fn returned_to(context: &RetProbeContext) -> u64 {
    // SAFETY: as above.
    unsafe { registers::stack_pointer(context.as_ptr()) }
}
