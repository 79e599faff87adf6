//! What the programs could not make sense of.

use super::Maps;
use crate::observe::preemptible::add;

/// Reasons that an allocation is not followed, as the manifests name them.
pub const NO_ROOM: usize = 0;
pub const UNREADABLE: usize = 1;

#[repr(C)]
pub struct Lost {
    /// No room to remember the entry.
    pub untracked: u64,
    /// Returns without an entry: the call was in flight when the probe came.
    pub unmatched: u64,
    /// Entries without a return: the thread ended or left by a jump.
    pub abandoned: u64,
    /// Allocations that are not followed.
    pub untracked_allocations: [u64; 2],
    /// Frees of what is not followed.
    pub unmatched_frees: u64,
}

#[inline(always)]
pub fn lost<A: Maps>(which: impl FnOnce(&mut Lost) -> &mut u64) {
    if let Some(record) = A::lost().get_ptr_mut(0) {
        // SAFETY: this CPU's own record.
        add(which(unsafe { &mut *record }), 1);
    }
}
