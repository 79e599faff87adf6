#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use super::kind::{HASH, LRU_HASH, LRU_PERCPU_HASH, PERCPU_HASH};
use super::*;
use crate::kernel::sys::create_map;
use crate::kernel::testing::may_load;

const PER_CPU: [u32; 2] = [PERCPU_HASH, PERCPU_ARRAY];

fn map(map_type: u32, value_size: u32, max_entries: u32) -> MapHandle {
    crate::kernel::process::raise_memory_limit();
    let fd = create_map(map_type, 4, value_size, max_entries).unwrap();
    MapHandle::new("TEST", fd).unwrap()
}

fn key(index: u32) -> [u8; 4] {
    index.to_ne_bytes()
}

/// A value that tells its key, in a size that is no multiple of 8.
fn value(index: u32) -> Vec<u8> {
    [&index.to_ne_bytes()[..], &[0xaa; 9]].concat()
}

fn fill(map: &MapHandle, count: u32) {
    for index in 0..count {
        map.set(&key(index), &value(index)).unwrap();
    }
}

/// What was read, checked to be the same on all CPUs.
fn collect(entries: impl IntoIterator<Item = (Vec<u8>, Vec<Vec<u8>>)>) -> BTreeMap<u32, Vec<u8>> {
    let mut found = BTreeMap::new();
    for (key, values) in entries {
        let key = u32::from_ne_bytes(key.try_into().unwrap());
        assert!(
            values.iter().all(|value| *value == values[0]),
            "{key}: {values:?}"
        );
        assert_eq!(found.insert(key, values[0].clone()), None, "{key} twice");
    }
    found
}

fn own(entry: &Entry<'_>) -> (Vec<u8>, Vec<Vec<u8>>) {
    (
        entry.key.to_vec(),
        entry.values().map(<[u8]>::to_vec).collect(),
    )
}

fn expected(count: u32) -> BTreeMap<u32, Vec<u8>> {
    (0..count).map(|index| (index, value(index))).collect()
}

#[test]
fn every_kind_of_map_is_read_whole_by_batch_and_by_element() {
    if !may_load("every_kind_of_map_is_read_whole_by_batch_and_by_element") {
        return;
    }
    let mut entries = Entries::new();
    for map_type in [
        HASH,
        ARRAY,
        PERCPU_HASH,
        PERCPU_ARRAY,
        LRU_HASH,
        LRU_PERCPU_HASH,
    ] {
        for count in [1, 7, 3000] {
            let map = map(map_type, 13, count);
            fill(&map, count);
            let per_cpu = PER_CPU.contains(&map_type) || map_type == LRU_PERCPU_HASH;
            assert_eq!(
                map.cpus(),
                if per_cpu {
                    cpus::possible().unwrap().len()
                } else {
                    1
                }
            );
            for no_batch in [false, true] {
                map.no_batch.store(no_batch, Ordering::Relaxed);
                let what = format!("type {map_type}, {count} entries, without batch {no_batch}");
                map.read_all(&mut entries).unwrap();
                let whole = collect(entries.iter().map(|entry| own(&entry)));
                let mut pieces = Vec::new();
                map.read_each(&mut entries, |entry| pieces.push(own(&entry)))
                    .unwrap();
                let pieces = collect(pieces);
                // The LRU kinds may let go of what does not fit a CPU's free list.
                if map_type >= LRU_HASH {
                    assert!(
                        whole.iter().all(|(&key, found)| *found == value(key)),
                        "{what}"
                    );
                    assert_eq!(whole, pieces, "{what}");
                } else {
                    assert_eq!(whole, expected(count), "{what}");
                    assert_eq!(pieces, expected(count), "{what}");
                }
            }
        }
    }
}

#[test]
fn a_per_cpu_value_has_the_kernels_limit() {
    if !may_load("a_per_cpu_value_has_the_kernels_limit") {
        return;
    }
    crate::kernel::process::raise_memory_limit();
    let limit = u32::try_from(per_cpu_value_limit()).unwrap();
    for map_type in [PERCPU_HASH, PERCPU_ARRAY, LRU_PERCPU_HASH] {
        create_map(map_type, 4, limit, 1).unwrap();
        let error = create_map(map_type, 4, limit + 1, 1).unwrap_err();
        let refused = [Some(libc::E2BIG), Some(libc::ENOMEM)];
        assert!(refused.contains(&error.raw_os_error()), "{error}");
    }
    create_map(ARRAY, 4, limit + 1, 1).unwrap();
}

#[test]
fn this_kernel_reads_by_batch() {
    if !may_load("this_kernel_reads_by_batch") {
        return;
    }
    for map_type in [HASH, ARRAY, PERCPU_HASH] {
        let map = map(map_type, 8, 16);
        map.read_all(&mut Entries::new()).unwrap();
        assert!(!map.no_batch.load(Ordering::Relaxed), "type {map_type}");
    }
}

#[test]
fn a_bucket_that_does_not_fit_makes_the_buffer_grow() {
    if !may_load("a_bucket_that_does_not_fit_makes_the_buffer_grow") {
        return;
    }
    // So large that one call asks for one entry, and so many that some bucket has several.
    let size = u32::try_from(CHUNK).unwrap();
    let map = map(HASH, size, 64);
    assert_eq!(map.chunk(), 1);
    for index in 0..64 {
        let mut value = vec![0; CHUNK];
        value[..4].copy_from_slice(&key(index));
        map.set(&key(index), &value).unwrap();
    }
    let mut seen = BTreeSet::new();
    map.read_each(&mut Entries::new(), |entry| {
        assert_eq!(entry.value()[..4], *entry.key);
        assert!(seen.insert(entry.key.to_vec()));
    })
    .unwrap();
    assert_eq!(seen.len(), 64);
    assert!(!map.no_batch.load(Ordering::Relaxed));
}

#[test]
fn an_empty_hash_has_no_entries_and_an_array_always_has_all() {
    if !may_load("an_empty_hash_has_no_entries_and_an_array_always_has_all") {
        return;
    }
    let mut entries = Entries::new();
    for no_batch in [false, true] {
        let hash = map(PERCPU_HASH, 8, 16);
        hash.no_batch.store(no_batch, Ordering::Relaxed);
        hash.read_all(&mut entries).unwrap();
        assert!(entries.is_empty());
        let array = map(PERCPU_ARRAY, 8, 16);
        array.no_batch.store(no_batch, Ordering::Relaxed);
        array.read_all(&mut entries).unwrap();
        assert_eq!(entries.len(), 16);
        assert!(
            entries
                .iter()
                .all(|entry| entry.values().all(|value| value == [0; 8]))
        );
    }
}

#[test]
fn entries_are_created_at_zero_once_and_removed_once() {
    if !may_load("entries_are_created_at_zero_once_and_removed_once") {
        return;
    }
    let map = map(PERCPU_HASH, 8, 2);
    let mut entries = Entries::new();
    assert!(map.insert_zero(&key(1)).unwrap());
    map.set(&key(1), &5_u64.to_ne_bytes()).unwrap();
    assert!(!map.insert_zero(&key(1)).unwrap());
    map.read_all(&mut entries).unwrap();
    assert_eq!(entries.iter().next().unwrap().value(), 5_u64.to_ne_bytes());
    assert!(map.insert_zero(&key(2)).unwrap());
    let full = map.insert_zero(&key(3)).unwrap_err();
    assert!(
        full.to_string()
            .starts_with("map TEST: cannot create an entry: "),
        "{full}"
    );
    assert!(full.to_string().contains("the map is full"), "{full}");
    assert!(map.delete(&key(1)).unwrap());
    assert!(!map.delete(&key(1)).unwrap());
    assert_eq!(map.keys().unwrap(), BTreeSet::from([key(2).to_vec()]));
}

#[test]
fn keys_and_values_of_wrong_sizes_never_reach_the_kernel() {
    if !may_load("keys_and_values_of_wrong_sizes_never_reach_the_kernel") {
        return;
    }
    let map = map(PERCPU_HASH, 8, 2);
    assert!(map.insert_zero(&[0; 3]).is_err());
    assert!(map.delete(&[0; 5]).is_err());
    assert!(map.set(&key(1), &[0; 7]).is_err());
    assert!(map.set(&key(1), &[0; 9]).is_err());
    assert!(map.keys().unwrap().is_empty());
}

#[test]
fn memory_is_accounted_for() {
    if !may_load("memory_is_accounted_for") {
        return;
    }
    let map = map(PERCPU_ARRAY, 1024, 100);
    assert!(map.memory().unwrap() >= 100 * 1024);
}

#[test]
fn entries_that_come_and_go_meanwhile_are_read_at_most_once() {
    if !may_load("entries_that_come_and_go_meanwhile_are_read_at_most_once") {
        return;
    }
    let map = map(PERCPU_HASH, 13, 4000);
    fill(&map, 2000);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                for index in 2000..3000 {
                    map.set(&key(index), &value(index)).unwrap();
                }
                for index in 2000..3000 {
                    map.delete(&key(index)).unwrap();
                }
            }
        });
        let mut entries = Entries::new();
        for round in 0..40 {
            map.no_batch.store(round % 2 == 1, Ordering::Relaxed);
            map.read_all(&mut entries).unwrap();
            let found: Vec<u32> = entries
                .iter()
                .map(|entry| u32::from_ne_bytes(entry.key.try_into().unwrap()))
                .collect();
            let once: BTreeSet<u32> = found.iter().copied().collect();
            assert_eq!(once.len(), found.len(), "round {round}");
            // By element, a walk that is thrown back again and again may end early.
            assert!(
                round % 2 == 1 || (0..2000).all(|index| once.contains(&index)),
                "round {round}"
            );
        }
        done.store(true, Ordering::Relaxed);
    });
}

#[test]
fn entries_are_counted() {
    if !may_load("entries_are_counted") {
        return;
    }
    let mut entries = Entries::new();
    for map_type in [HASH, PERCPU_HASH, LRU_HASH] {
        let map = map(map_type, 13, 3000);
        assert_eq!(map.count(&mut entries).unwrap(), 0);
        fill(&map, 700);
        assert_eq!(map.count(&mut entries).unwrap(), 700, "type {map_type}");
        map.delete(&key(3)).unwrap();
        map.no_batch.store(true, Ordering::Relaxed);
        assert_eq!(map.count(&mut entries).unwrap(), 699, "type {map_type}");
    }
    assert_eq!(map(ARRAY, 13, 9).count(&mut entries).unwrap(), 9);
}
