//! Processes that user space shall look at soon: for libraries that they map, say.

use aya_ebpf::btf_maps::Array;

/// How many can wait. Of two in one place the later one does.
pub const PLACES: usize = 64;

/// Process ids, zero where there is none. User space empties it.
pub type Attention = Array<u64, PLACES>;

#[inline(always)]
pub fn call(attention: &'static Attention, process: u32) {
    if let Some(place) = attention.get_ptr_mut(process % PLACES as u32) {
        // SAFETY: in the array; of two CPUs that write at one moment one prevails.
        unsafe { *place = u64::from(process) };
    }
}
