//! Reading and writing maps from user space.

mod entries;
mod kind;
#[cfg(test)]
mod tests;

pub use entries::{Entries, Entry};
pub(super) use kind::{is_per_cpu, per_cpu_value_limit};

use std::collections::BTreeSet;
use std::io;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::cpus;
use entries::Shape;
use kind::{ARRAY, PERCPU_ARRAY};

use super::sys::{ANY, Cursor, ENOTSUPP, MapFd, NO_EXIST, map_info};

/// How long to wait for memory that the kernel is about to have. A worker of the kernel gets it,
/// which waits for its turn where all CPUs are taken. At a sweep others wait, too, and it can be
/// tried again at the next.
const REFILL_LIMIT: Duration = Duration::from_millis(100);
/// As a module begins, which it cannot without its first entries.
const FIRST_REFILL_LIMIT: Duration = Duration::from_secs(5);
const REFILL_PAUSE: Duration = Duration::from_millis(1);

/// Bytes of values that one call asks for: large enough that calls are few, small enough
/// that memory stays bounded on machines of many CPUs.
const CHUNK: usize = 256 * 1024;

/// `BPF_F_NO_PREALLOC` of include/uapi/linux/bpf.h.
const NO_PREALLOC: u32 = 1;

/// A map of a loaded module.
#[derive(Debug)]
pub struct MapHandle {
    name: String,
    fd: MapFd,
    shape: Shape,
    max_entries: u32,
    array: bool,
    grows: bool,
    /// Set once the kernel has refused a batch: hash maps have it since 5.6, per-CPU arrays
    /// since 5.13.
    no_batch: AtomicBool,
}

/// An operation on a map that the kernel refused.
#[derive(Debug, thiserror::Error)]
#[error("map {map}: cannot {operation}: {source}{}", hint(source))]
pub struct MapError {
    pub map: String,
    pub operation: &'static str,
    pub source: io::Error,
}

fn hint(error: &io::Error) -> &'static str {
    match error.raw_os_error() {
        Some(libc::E2BIG) => " (the map is full: raise its size or lower the number of keys)",
        Some(libc::EPERM) => " (kernels before 5.19 want CAP_BPF for every use of a map)",
        Some(libc::ENOMEM) => " (no memory for another entry)",
        _ => "",
    }
}

impl MapHandle {
    /// Takes a map's descriptor; what the map is like is asked of the kernel.
    pub fn new(name: &str, fd: OwnedFd) -> Result<Self, MapError> {
        let failed = |operation| {
            move |source| MapError {
                map: name.to_owned(),
                operation,
                source,
            }
        };
        let info = map_info(fd.as_fd()).map_err(failed("read its description"))?;
        let per_cpu = is_per_cpu(info.map_type).ok_or_else(|| {
            let source = io::Error::other("neither a hash nor an array");
            failed("read entries")(source)
        })?;
        let cpus = if per_cpu {
            cpus::possible()
                .map_err(failed("tell how many values an entry has"))?
                .len()
        } else {
            1
        };
        let value_size = info.value_size as usize;
        let shape = Shape {
            key_size: info.key_size as usize,
            value_size,
            stride: if per_cpu {
                value_size.next_multiple_of(8)
            } else {
                value_size
            },
            cpus,
        };
        let element_size = shape.element_size();
        // SAFETY: the sizes are the kernel's; per-CPU values are copied with their size
        // rounded up to 8, one for each possible CPU (bpf_map_value_size()).
        let fd = unsafe { MapFd::new(fd, shape.key_size, element_size) };
        Ok(Self {
            name: name.to_owned(),
            fd,
            shape,
            max_entries: info.max_entries,
            array: matches!(info.map_type, ARRAY | PERCPU_ARRAY),
            grows: info.map_flags & NO_PREALLOC != 0,
            no_batch: AtomicBool::new(false),
        })
    }

    /// Another handle of the same map, for another thread.
    ///
    /// # Errors
    ///
    /// The process has no descriptor left.
    pub fn again(&self) -> Result<Self, MapError> {
        let fd = self.fd.as_fd().try_clone_to_owned();
        let fd = fd.map_err(|source| MapError {
            map: self.name.clone(),
            operation: "keep its descriptor",
            source,
        })?;
        Self::new(&self.name, fd)
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// Entries there can be; an array always has them all.
    pub fn max_entries(&self) -> u32 {
        self.max_entries
    }

    /// Size of a key in bytes.
    pub fn key_size(&self) -> usize {
        self.shape.key_size
    }

    /// Size of one CPU's value in bytes.
    pub fn value_size(&self) -> usize {
        self.shape.value_size
    }

    /// Copies of a value that an entry has: possible CPUs, or 1.
    pub fn cpus(&self) -> usize {
        self.shape.cpus
    }

    /// Bytes of keys and values when the map is full.
    pub fn full_size(&self) -> usize {
        let entry = self.shape.key_size + self.shape.element_size();
        entry.saturating_mul(self.max_entries as usize)
    }

    /// Whether every index is an entry, always.
    pub fn is_array(&self) -> bool {
        self.array
    }

    /// Whether memory is allocated as entries are made, and not for all of them at once.
    pub fn grows(&self) -> bool {
        self.grows
    }

    /// Kernel memory in bytes, as `/proc/self/fdinfo` accounts for the map.
    pub fn memory(&self) -> Result<u64, MapError> {
        let path = format!("/proc/self/fdinfo/{}", self.fd.as_fd().as_raw_fd());
        let text = std::fs::read_to_string(path).map_err(self.failed("read its memory"))?;
        text.lines()
            .find_map(|line| line.strip_prefix("memlock:")?.trim().parse().ok())
            .ok_or_else(|| io::Error::other("no memlock line in fdinfo"))
            .map_err(self.failed("read its memory"))
    }

    /// Reads all entries, in place of what `entries` held.
    pub fn read_all(&self, entries: &mut Entries) -> Result<(), MapError> {
        self.read(entries, |_| ())
    }

    /// Reads all entries in pieces, so that memory stays bounded: `entries` is the buffer.
    pub fn read_each(
        &self,
        entries: &mut Entries,
        mut visit: impl FnMut(Entry<'_>),
    ) -> Result<(), MapError> {
        self.read(entries, |entries| {
            entries.iter().for_each(&mut visit);
            entries.clear();
        })
    }

    /// Counts the entries, in pieces too. An array has them all and is not asked.
    pub fn count(&self, entries: &mut Entries) -> Result<usize, MapError> {
        if self.array {
            return Ok(self.max_entries as usize);
        }
        let mut count = 0;
        self.read(entries, |entries| {
            count += entries.len();
            entries.clear();
        })?;
        Ok(count)
    }

    fn read(
        &self,
        entries: &mut Entries,
        mut piece: impl FnMut(&mut Entries),
    ) -> Result<(), MapError> {
        entries.reset(self.shape);
        if self.array && self.max_entries == 1 {
            self.read_element(entries, &0_u32.to_ne_bytes())?;
            piece(entries);
            return Ok(());
        }
        if !self.no_batch.load(Ordering::Relaxed) {
            match self.read_batches(entries, &mut piece) {
                Ok(()) => return Ok(()),
                Err(Refused::Batch) => self.no_batch.store(true, Ordering::Relaxed),
                Err(Refused::Read(error)) => return Err(self.failed("read its entries")(error)),
            }
        }
        self.read_elements(entries, &mut piece)
    }

    fn read_batches(
        &self,
        entries: &mut Entries,
        piece: &mut impl FnMut(&mut Entries),
    ) -> Result<(), Refused> {
        let mut cursor = Cursor::default();
        let mut chunk = self.chunk();
        let mut first = true;
        loop {
            let (keys, values) = entries.room(chunk);
            let count = u32::try_from(chunk).unwrap_or(u32::MAX);
            match self.fd.lookup_batch(&mut cursor, keys, values, count) {
                Ok((read, ended)) => {
                    first = false;
                    entries.advance(read);
                    piece(entries);
                    if ended {
                        return Ok(());
                    }
                }
                // A bucket has to fit as a whole. No bucket has more than all entries.
                Err(error)
                    if error.raw_os_error() == Some(libc::ENOSPC)
                        && chunk < self.max_entries as usize =>
                {
                    chunk = chunk.saturating_mul(2).min(self.max_entries as usize);
                }
                Err(error) if first && is_unsupported(&error) => return Err(Refused::Batch),
                Err(error) => return Err(Refused::Read(error)),
            }
        }
    }

    fn read_elements(
        &self,
        entries: &mut Entries,
        piece: &mut impl FnMut(&mut Entries),
    ) -> Result<(), MapError> {
        let chunk = self.chunk();
        let mut read = |key: &[u8]| {
            self.read_element(entries, key)?;
            if entries.len() >= chunk {
                piece(entries);
            }
            Ok(())
        };
        if self.array {
            (0..self.max_entries).try_for_each(|index| read(&index.to_ne_bytes()))?;
        } else {
            self.keys()?.iter().try_for_each(|key| read(key))?;
        }
        if !entries.is_empty() {
            piece(entries);
        }
        Ok(())
    }

    /// Reads one entry; one that has vanished is passed over.
    fn read_element(&self, entries: &mut Entries, key: &[u8]) -> Result<(), MapError> {
        let (place, value) = entries.room(1);
        match self.fd.lookup(key, value) {
            Ok(()) => {
                place.copy_from_slice(key);
                entries.advance(1);
                Ok(())
            }
            Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Ok(()),
            Err(error) => Err(self.failed("read an entry")(error)),
        }
    }

    /// All keys. Where a key vanishes during the walk, the kernel begins anew: the set holds
    /// each key once, and the number of steps is bounded.
    pub fn keys(&self) -> Result<BTreeSet<Vec<u8>>, MapError> {
        let mut keys = BTreeSet::new();
        let mut key: Option<Vec<u8>> = None;
        for _ in 0..=u64::from(self.max_entries) * 2 {
            let mut next = vec![0; self.shape.key_size];
            match self.fd.next_key(key.as_deref(), &mut next) {
                Ok(()) => {}
                Err(error) if error.raw_os_error() == Some(libc::ENOENT) => break,
                Err(error) => return Err(self.failed("list its keys")(error)),
            }
            keys.insert(next.clone());
            key = Some(next);
        }
        Ok(keys)
    }

    /// Creates an entry of zeros on all CPUs. Returns false where there is one already,
    /// which keeps its values.
    ///
    /// Since 6.1 the kernel takes new entries from a reserve of a few, which it fills up
    /// behind our back (kernel/bpf/memalloc.c): what it refuses now it grants a little later.
    pub fn insert_zero(&self, key: &[u8]) -> Result<bool, MapError> {
        self.insert_within(REFILL_LIMIT, key)
    }

    /// As [`Self::insert_zero`], for what nothing can begin without: waits longer.
    pub fn insert_first(&self, key: &[u8]) -> Result<bool, MapError> {
        self.insert_within(FIRST_REFILL_LIMIT, key)
    }

    fn insert_within(&self, limit: Duration, key: &[u8]) -> Result<bool, MapError> {
        let zero = vec![0; self.shape.element_size()];
        let begin = Instant::now();
        loop {
            match self.fd.update(key, &zero, NO_EXIST) {
                Ok(()) => return Ok(true),
                Err(error) => match error.raw_os_error() {
                    Some(libc::EEXIST) => return Ok(false),
                    Some(libc::ENOMEM) if begin.elapsed() < limit => thread::sleep(REFILL_PAUSE),
                    _ => return Err(self.failed("create an entry")(error)),
                },
            }
        }
    }

    /// Writes `value`, one CPU's, to all CPUs.
    pub fn set(&self, key: &[u8], value: &[u8]) -> Result<(), MapError> {
        let mut element = vec![0; self.shape.element_size()];
        for place in element.chunks_mut(self.shape.stride.max(1)) {
            let Some(place) = place.get_mut(..value.len()) else {
                continue;
            };
            place.copy_from_slice(value);
        }
        let fits = value.len() == self.shape.value_size;
        let written = if fits {
            self.fd.update(key, &element, ANY)
        } else {
            Err(io::ErrorKind::InvalidInput.into())
        };
        written.map_err(self.failed("write an entry"))
    }

    /// Removes an entry. Returns false where there was none.
    pub fn delete(&self, key: &[u8]) -> Result<bool, MapError> {
        match self.fd.delete(key) {
            Ok(()) => Ok(true),
            Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Ok(false),
            Err(error) => Err(self.failed("remove an entry")(error)),
        }
    }

    /// Entries that one call asks for.
    fn chunk(&self) -> usize {
        let fitting = CHUNK / self.shape.element_size().max(1);
        fitting.clamp(1, self.max_entries.max(1) as usize)
    }

    fn failed(&self, operation: &'static str) -> impl FnOnce(io::Error) -> MapError {
        let map = self.name.clone();
        move |source| MapError {
            map,
            operation,
            source,
        }
    }
}

impl AsFd for MapHandle {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

enum Refused {
    /// The kernel has no batch look-up for this kind of map.
    Batch,
    Read(io::Error),
}

fn is_unsupported(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::EINVAL | libc::EOPNOTSUPP | libc::ENOSYS | ENOTSUPP)
    )
}
