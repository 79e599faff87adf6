//! Counts of rare events by names that are known when the first of them comes.
//!
//! Elsewhere user space makes the entries of maps. Here the first event is the one that
//! matters, it comes seldom, and so its program makes the entry.

use aya_ebpf::bindings::BPF_NOEXIST;
use aya_ebpf::btf_maps::HashMap;

/// The record of `names`. If there is none it is made, of zeros; if there is no room, that of
/// `other`. All CPUs share it: add with [`crate::observe::preemptible::add`].
#[inline(always)]
pub fn record<N: Copy, V>(
    map: &'static HashMap<N, V, 1>,
    names: &N,
    other: &N,
    zero: &V,
) -> Option<*mut V> {
    map.get_ptr_mut(names)
        .or_else(|| {
            // Another CPU may have been first.
            let _ = map.insert(names, zero, u64::from(BPF_NOEXIST));
            map.get_ptr_mut(names)
        })
        .or_else(|| map.get_ptr_mut(other))
}
