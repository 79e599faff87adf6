//! Numbers of `enum bpf_map_type` of include/uapi/linux/bpf.h.

pub(super) const HASH: u32 = 1;
pub(super) const ARRAY: u32 = 2;
pub(super) const PERCPU_HASH: u32 = 5;
pub(super) const PERCPU_ARRAY: u32 = 6;
pub(super) const LRU_HASH: u32 = 9;
pub(super) const LRU_PERCPU_HASH: u32 = 10;

/// Whether a map of this type has a value for each possible CPU; none for what is neither a
/// hash nor an array.
pub fn is_per_cpu(map_type: u32) -> Option<bool> {
    match map_type {
        PERCPU_HASH | PERCPU_ARRAY | LRU_PERCPU_HASH => Some(true),
        HASH | ARRAY | LRU_HASH => Some(false),
        _ => None,
    }
}

/// Most bytes of one CPU's value: `PCPU_MIN_UNIT_SIZE` of include/linux/percpu.h, whole pages
/// of at least 32 KiB. kernel/bpf/arraymap.c and kernel/bpf/hashtab.c refuse more with E2BIG;
/// where they do not ask, the allocator of per-CPU memory has none to give.
pub fn per_cpu_value_limit() -> usize {
    let page = usize::try_from(procfs::page_size()).unwrap_or(usize::MAX);
    (32 * 1024_usize)
        .checked_next_multiple_of(page)
        .unwrap_or(usize::MAX)
}
