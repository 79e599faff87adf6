//! What a program remembers between two events: an array in which each key has two places.
//!
//! An array, because a hash map's insertion and deletion cost more than all else that a
//! program does for an event. Events on several CPUs may use a place at the same moment; one
//! of them is then forgotten, which shows when its second event finds nothing. How many there
//! are is therefore not counted here: user space counts the places that have a key, in maps
//! that the manifest says are `places`.

use aya_ebpf::btf_maps::Array;

#[repr(C)]
pub struct Place<T> {
    /// Zero where the place is free.
    pub key: u64,
    pub value: T,
}

/// The place for `key`, which is not zero: its own, a free one, or that of another key, which
/// is then forgotten. `count` is the number of places, `hash` any number that the key gives.
#[inline(always)]
pub fn claim<T>(
    table: &'static Array<Place<T>, 1>,
    count: u32,
    hash: u32,
    key: u64,
) -> Option<*mut Place<T>> {
    let [first, second] = neighbours(count, hash);
    match (table.get_ptr_mut(first), table.get_ptr_mut(second)) {
        // Its own before a free one: it shall not have two.
        (Some(first), _) if holds(first, key) => Some(first),
        (_, Some(second)) if holds(second, key) => Some(second),
        (Some(first), _) if holds(first, 0) => Some(first),
        (_, Some(second)) if holds(second, 0) => Some(second),
        (first, _) => first,
    }
}

/// The place that `key` has, if it has one. Whoever is done with it makes its key zero.
#[inline(always)]
pub fn find<T>(
    table: &'static Array<Place<T>, 1>,
    count: u32,
    hash: u32,
    key: u64,
) -> Option<*mut Place<T>> {
    let [first, second] = neighbours(count, hash);
    match (table.get_ptr_mut(first), table.get_ptr_mut(second)) {
        (Some(first), _) if holds(first, key) => Some(first),
        (_, Some(second)) if holds(second, key) => Some(second),
        _ => None,
    }
}

/// Two neighbours, by Fibonacci hashing, which is mapped to the number of places by its upper
/// half.
#[inline(always)]
fn neighbours(count: u32, hash: u32) -> [u32; 2] {
    let hash = hash.wrapping_mul(0x9e37_79b1);
    let first = ((u64::from(hash) * u64::from(count)) >> 32) as u32;
    [first, first ^ 1]
}

#[inline(always)]
fn holds<T>(place: *mut Place<T>, key: u64) -> bool {
    // SAFETY: in the array.
    unsafe { (*place).key == key }
}
