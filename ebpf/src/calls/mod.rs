//! Calls of a library's functions: how many, how long they kept their thread, what they moved
//! and allocated, and how they failed, by the workload of the process that made them.
//!
//! One program at the entry of every function and one at the return of those that are timed.
//! Which function was called, where its size argument is and what it does with memory, comes
//! in the attach cookie. What is not timed is entered and counted, nothing more.
//!
//! A module declares an [`Api`] and its maps, with [`call_maps!`](crate::call_maps), and has
//! two programs, which are [`entry`] and [`exit`].

mod call;
pub mod copy;
mod in_flight;
mod lost;
pub mod maps;
mod memory;
pub mod task;
mod workload;

use aya_ebpf::EbpfContext as _;
use aya_ebpf::programs::{ProbeContext, RetProbeContext};

pub use call::{Call, Memory};
pub use maps::Maps;

use crate::registers::returned;
use crate::stack;

/// No schema of histograms is above it.
const FINEST: u32 = 3;

/// What the functions of one library have of their own.
pub trait Api: Maps {
    /// Position in the label `operation` of the first that is timed: positions in the label of
    /// the timed ones count from here.
    const FIRST_TIMED: usize;
    /// What a failed call returns, in the order of the label `error`, whose last is for all
    /// others.
    const CODES: &'static [u32];
    /// What a call returns that has neither failed nor ended; zero where there is no such.
    const PENDING: u32 = 0;
    /// Whether some of the functions allocate or free.
    const ALLOCATES: bool = true;

    /// Whether a call is counted when it is made, and not when it returns. Of one that is timed
    /// nevertheless only what it calls in turn is left out.
    #[inline(always)]
    fn is_counted_at_entry(call: Call) -> bool {
        call.operation() < Self::FIRST_TIMED
    }

    /// How much a call was asked for.
    #[inline(always)]
    fn bytes(call: Call, context: &ProbeContext) -> u64 {
        call.size(context) << call.unit()
    }

    /// Position in the label `direction`, of calls that move something.
    #[inline(always)]
    fn direction(call: Call, _: &ProbeContext) -> u64 {
        call.direction()
    }
}

/// What the program at the entries does.
#[inline(always)]
pub fn entry<A: Api>(context: &ProbeContext) -> u32 {
    stack::of_its_own(A::schema() > FINEST);
    // SAFETY: the program's own context.
    let call = unsafe { Call::of(context.as_ptr()) };
    // What the library calls in itself is part of the call that the application made.
    if in_flight::is_within::<A>(context) {
        return 0;
    }
    let bytes = A::bytes(call, context);
    if A::is_counted_at_entry(call) {
        workload::count::<A>(call, [bytes, A::direction(call, context)], 0);
    }
    if !call.is_timed() {
        return 0;
    }
    let memory = call.memory();
    let told = if A::ALLOCATES && memory.is_freed() {
        memory::release::<A>(call, call.address(context))
    } else if A::ALLOCATES && memory == Memory::PITCHED {
        [bytes, call.pitch(context)]
    } else {
        [bytes, A::direction(call, context)]
    };
    in_flight::begin::<A>(context, call, told);
    0
}

/// What the program at the returns does.
#[inline(always)]
pub fn exit<A: Api>(context: &RetProbeContext) -> u32 {
    stack::of_its_own(A::schema() > FINEST);
    // SAFETY: the program's own context.
    let call = unsafe { Call::of(context.as_ptr()) };
    if let Some((duration, entered)) = in_flight::end::<A>(context, call)
        && !A::is_counted_at_entry(call)
    {
        // SAFETY: as above. An enumeration, in the lower half.
        let code = unsafe { returned(context.as_ptr()) } as u32;
        let error = if code == A::PENDING { 0 } else { code };
        let is_memory = A::ALLOCATES && call.memory().is_any();
        let allocated = if is_memory {
            memory::settle::<A>(call, &entered, error != 0)
        } else {
            0
        };
        let bytes = if error == 0 && !is_memory {
            entered.bytes
        } else {
            0
        };
        workload::finish::<A>(call, duration, [bytes, entered.detail], allocated, error);
    }
    0
}
