//! The bpf(2) system call: what Geophone needs of it and aya does not give.
//!
//! Structures follow `union bpf_attr` in include/uapi/linux/bpf.h. Every wrapper checks the
//! sizes that the kernel will assume, so none of them is unsafe to call.

pub mod perf;
pub mod uprobe;

use std::io;
use std::mem::{offset_of, size_of_val};
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd};

const MAP_LOOKUP_ELEM: u32 = 1;
const MAP_UPDATE_ELEM: u32 = 2;
const MAP_DELETE_ELEM: u32 = 3;
const MAP_GET_NEXT_KEY: u32 = 4;
const OBJ_GET_INFO_BY_FD: u32 = 15;
const MAP_LOOKUP_BATCH: u32 = 24;
const ENABLE_STATS: u32 = 32;

/// `BPF_STATS_RUN_TIME`
const STATS_RUN_TIME: u32 = 0;

/// The kernel's own number for "not supported", which user space has no name for.
pub const ENOTSUPP: i32 = 524;

/// Create or overwrite an element (`BPF_ANY`).
pub const ANY: u64 = 0;
/// Create an element, and fail where it exists (`BPF_NOEXIST`).
pub const NO_EXIST: u64 = 1;

#[repr(C)]
struct ElementAttr {
    map_fd: u32,
    pad: u32,
    key: u64,
    /// Also the next key.
    value: u64,
    flags: u64,
}

#[repr(C)]
struct BatchAttr {
    in_batch: u64,
    out_batch: u64,
    keys: u64,
    values: u64,
    count: u32,
    map_fd: u32,
    element_flags: u64,
    flags: u64,
}

#[repr(C)]
struct InfoAttr {
    fd: u32,
    length: u32,
    info: u64,
}

/// `struct bpf_map_info` as far as every kernel since 5.5 has it.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub struct RawMapInfo {
    pub map_type: u32,
    pub id: u32,
    pub key_size: u32,
    pub value_size: u32,
    pub max_entries: u32,
    pub map_flags: u32,
}

/// `struct bpf_prog_info` up to `verified_insns`. Fields that are addresses of buffers stay 0.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub struct RawProgramInfo {
    pub program_type: u32,
    pub id: u32,
    pub tag: [u8; 8],
    pub jited_len: u32,
    pub translated_len: u32,
    instructions: [u64; 2],
    pub load_time: u64,
    pub uid: u32,
    map_count: u32,
    map_ids: u64,
    name: [u8; 16],
    interface: [u32; 2],
    namespace: [u64; 2],
    jited_symbols: [u64; 3],
    type_information: [u64; 3],
    line_information: [u64; 5],
    pub run_time_ns: u64,
    pub run_count: u64,
    pub recursion_misses: u64,
    pub verified_instructions: u32,
    end: u32,
}

impl RawProgramInfo {
    /// Bytes a kernel has to fill in to know `recursion_misses` (since 5.12).
    pub const WITH_RECURSION_MISSES: usize = offset_of!(Self, recursion_misses) + 8;
    /// Bytes a kernel has to fill in to know `verified_instructions` (since 5.16).
    pub const WITH_VERIFIED_INSTRUCTIONS: usize = offset_of!(Self, verified_instructions) + 4;
    /// Bytes a kernel has to fill in to know the run statistics (since 5.1).
    pub const WITH_RUN_STATISTICS: usize = offset_of!(Self, run_count) + 8;
}

// Where the kernel has them; the verifier of this layout is the compiler.
const _: () = assert!(offset_of!(RawProgramInfo, run_time_ns) == 192);
const _: () = assert!(offset_of!(RawProgramInfo, recursion_misses) == 208);
const _: () = assert!(offset_of!(RawProgramInfo, verified_instructions) == 216);

/// A map's descriptor, with the sizes by which the kernel reads and writes user memory.
#[derive(Debug)]
pub struct MapFd {
    fd: OwnedFd,
    key_size: usize,
    /// Of a whole element: one value, or the values of all possible CPUs.
    element_size: usize,
}

impl MapFd {
    /// Takes a map's descriptor.
    ///
    /// # Safety
    ///
    /// The map has keys of `key_size` bytes, and the kernel copies `element_size` bytes
    /// for an element.
    pub unsafe fn new(fd: OwnedFd, key_size: usize, element_size: usize) -> Self {
        Self {
            fd,
            key_size,
            element_size,
        }
    }

    /// Copies an element; `ENOENT` where there is none.
    pub fn lookup(&self, key: &[u8], element: &mut [u8]) -> io::Result<()> {
        self.check(key.len(), element.len())?;
        let mut attr = self.element(key, element.as_mut_ptr() as u64, ANY);
        // SAFETY: the kernel reads a key and writes an element; both slices have that size.
        unsafe { bpf(MAP_LOOKUP_ELEM, &mut attr) }.map(drop)
    }

    /// Writes an element.
    pub fn update(&self, key: &[u8], element: &[u8], flags: u64) -> io::Result<()> {
        self.check(key.len(), element.len())?;
        let mut attr = self.element(key, element.as_ptr() as u64, flags);
        // SAFETY: the kernel reads a key and an element; both slices have that size.
        unsafe { bpf(MAP_UPDATE_ELEM, &mut attr) }.map(drop)
    }

    /// Removes an element; `ENOENT` where there is none.
    pub fn delete(&self, key: &[u8]) -> io::Result<()> {
        self.check(key.len(), self.element_size)?;
        let mut attr = self.element(key, 0, ANY);
        // SAFETY: the kernel reads a key, and the slice has that size.
        unsafe { bpf(MAP_DELETE_ELEM, &mut attr) }.map(drop)
    }

    /// The key after `key`, or the first one; `ENOENT` after the last.
    pub fn next_key(&self, key: Option<&[u8]>, next: &mut [u8]) -> io::Result<()> {
        self.check(key.map_or(self.key_size, <[u8]>::len), self.element_size)?;
        self.check(next.len(), self.element_size)?;
        let mut attr = self.element(key.unwrap_or_default(), next.as_mut_ptr() as u64, ANY);
        if key.is_none() {
            attr.key = 0;
        }
        // SAFETY: the kernel reads a key unless the address is 0, and writes another.
        unsafe { bpf(MAP_GET_NEXT_KEY, &mut attr) }.map(drop)
    }

    /// Copies up to `count` elements from where `cursor` stands, and moves it on.
    ///
    /// Returns how many were copied and whether the map has been read to its end.
    /// `ENOSPC` asks for room for more elements at once; any other error leaves the slices
    /// with nothing of worth.
    pub fn lookup_batch(
        &self,
        cursor: &mut Cursor,
        keys: &mut [u8],
        elements: &mut [u8],
        count: u32,
    ) -> io::Result<(usize, bool)> {
        let room = count as usize;
        let fits = |length: usize, size: usize| Some(length) == size.checked_mul(room);
        // Hash maps keep a bucket number in the cursor, other maps a key.
        let cursor_size = self.key_size.max(4);
        if !fits(keys.len(), self.key_size) || !fits(elements.len(), self.element_size) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        cursor.next.resize(cursor_size, 0);
        let mut attr = BatchAttr {
            in_batch: if cursor.started {
                cursor.at.as_ptr() as u64
            } else {
                0
            },
            out_batch: cursor.next.as_mut_ptr() as u64,
            keys: keys.as_mut_ptr() as u64,
            values: elements.as_mut_ptr() as u64,
            count,
            map_fd: self.raw(),
            element_flags: 0,
            flags: 0,
        };
        // SAFETY: the slices have room for `count` keys and elements, the cursor's for a key
        // or bucket number each (`at` is what the kernel wrote to `next` before).
        let result = unsafe { bpf(MAP_LOOKUP_BATCH, &mut attr) };
        let ended = match result {
            Ok(_) => false,
            Err(error) if error.raw_os_error() == Some(libc::ENOENT) => true,
            Err(error) => return Err(error),
        };
        std::mem::swap(&mut cursor.at, &mut cursor.next);
        cursor.started = true;
        Ok(((attr.count as usize).min(room), ended))
    }

    fn element(&self, key: &[u8], value: u64, flags: u64) -> ElementAttr {
        ElementAttr {
            map_fd: self.raw(),
            pad: 0,
            key: key.as_ptr() as u64,
            value,
            flags,
        }
    }

    fn check(&self, key: usize, element: usize) -> io::Result<()> {
        if (key, element) == (self.key_size, self.element_size) {
            Ok(())
        } else {
            Err(io::ErrorKind::InvalidInput.into())
        }
    }

    fn raw(&self) -> u32 {
        raw(self.fd.as_fd())
    }
}

impl AsFd for MapFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Where a series of batch look-ups stands.
#[derive(Debug, Default)]
pub struct Cursor {
    started: bool,
    at: Vec<u8>,
    next: Vec<u8>,
}

/// What the kernel tells of a map.
pub fn map_info(map: BorrowedFd<'_>) -> io::Result<RawMapInfo> {
    let mut info = RawMapInfo::default();
    // SAFETY: every bit pattern is a RawMapInfo.
    unsafe { info_by_fd(map, &mut info) }?;
    Ok(info)
}

/// What the kernel tells of a program, and how many bytes of that it knows.
pub fn program_info(program: BorrowedFd<'_>) -> io::Result<(RawProgramInfo, usize)> {
    let mut info = RawProgramInfo::default();
    // SAFETY: every bit pattern is a RawProgramInfo.
    let known = unsafe { info_by_fd(program, &mut info) }?;
    Ok((info, known))
}

/// Turns on run-time statistics of all programs until the descriptor is closed.
pub fn enable_run_time_statistics() -> io::Result<OwnedFd> {
    let mut kind = STATS_RUN_TIME;
    // SAFETY: the kernel reads the u32.
    let fd = unsafe { bpf(ENABLE_STATS, &mut kind) }?;
    let fd = i32::try_from(fd).map_err(io::Error::other)?;
    // SAFETY: the kernel has just made this descriptor for us.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Whether the kernel lets the calling thread use maps that it has descriptors of. Some refuse
/// everything to those without privileges before they look what is asked for.
pub fn may_use_maps() -> bool {
    let mut attr = ElementAttr {
        map_fd: u32::MAX,
        pad: 0,
        key: 0,
        value: 0,
        flags: 0,
    };
    // SAFETY: without a map the kernel reads and writes nothing.
    let refused = unsafe { bpf(MAP_LOOKUP_ELEM, &mut attr) };
    refused.is_err_and(|error| error.raw_os_error() == Some(libc::EBADF))
}

/// # Safety
///
/// `info` is plain data of which every bit pattern is valid.
unsafe fn info_by_fd<T>(fd: BorrowedFd<'_>, info: &mut T) -> io::Result<usize> {
    let length = u32::try_from(size_of_val(info)).map_err(io::Error::other)?;
    let mut attr = InfoAttr {
        fd: raw(fd),
        length,
        info: std::ptr::from_mut(info) as u64,
    };
    // SAFETY: the kernel writes at most `length` bytes to `info`.
    unsafe { bpf(OBJ_GET_INFO_BY_FD, &mut attr) }?;
    Ok(attr.length as usize)
}

fn raw(fd: BorrowedFd<'_>) -> u32 {
    fd.as_raw_fd().cast_unsigned()
}

/// # Safety
///
/// `attr` is the command's part of `union bpf_attr`, and the memory that it points to is
/// what the command reads and writes.
unsafe fn bpf<T>(command: u32, attr: &mut T) -> io::Result<libc::c_long> {
    let size = size_of_val(attr);
    // SAFETY: the caller's.
    let result = unsafe { libc::syscall(libc::SYS_bpf, command, std::ptr::from_mut(attr), size) };
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}

/// Opens a program by its id; `ENOENT` once it is gone.
#[cfg(test)]
pub fn program_by_id(id: u32) -> io::Result<OwnedFd> {
    const PROG_GET_FD_BY_ID: u32 = 13;
    let mut attr = [id, 0, 0];
    // SAFETY: the command's attributes, which point to nothing.
    let fd = unsafe { bpf(PROG_GET_FD_BY_ID, &mut attr) }?;
    let fd = i32::try_from(fd).map_err(io::Error::other)?;
    // SAFETY: the kernel has just made this descriptor for us.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Creates a map, which outside of tests is the loader's work.
#[cfg(test)]
pub fn create_map(map_type: u32, key: u32, value: u32, entries: u32) -> io::Result<OwnedFd> {
    const MAP_CREATE: u32 = 0;
    let mut attr = [map_type, key, value, entries, 0];
    // SAFETY: the first five words of the command's attributes; they point to nothing.
    let fd = unsafe { bpf(MAP_CREATE, &mut attr) }?;
    let fd = i32::try_from(fd).map_err(io::Error::other)?;
    // SAFETY: the kernel has just made this descriptor for us.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
