//! What a `struct request` says of its device and its fate.

use geophone_ebpf::access::Access;
use geophone_ebpf::declare;

declare! {
    RQ_DISK: u64 = "optional field request.rq_disk";
    QUEUE: u64 = "optional field request.q";
    QUEUE_DISK: u64 = "optional field request_queue.disk";
    MAJOR: u32 = "field gendisk.major";
    FIRST_MINOR: u32 = "field gendisk.first_minor";
    PART: u64 = "optional field request.part";
    BD_DEV: u32 = "optional field block_device.bd_dev";
    HD_DEV: u32 = "optional field hd_struct.__dev.devt";
}

/// The number of the whole disk, major << 20 | minor; 0 for a queue without a disk.
///
/// # Safety
///
/// `request` points to a live `struct request`.
#[inline(always)]
pub unsafe fn device<A: Access>(request: *const u8) -> u32 {
    // SAFETY: a request keeps its queue, and a queue its disk. Since 5.16 only the queue knows.
    unsafe {
        let disk = if RQ_DISK.found() {
            A::read(&RQ_DISK, request)
        } else {
            A::read(&QUEUE_DISK, A::read(&QUEUE, request) as *const u8)
        } as *const u8;
        if disk.is_null() {
            return 0;
        }
        let major = A::read(&MAJOR, disk);
        let minor = A::read(&FIRST_MINOR, disk);
        major << 20 | minor
    }
}

/// The number of the partition that the request was sent to; 0 where the kernel did not
/// account it to one.
///
/// # Safety
///
/// As [`device`].
#[inline(always)]
pub unsafe fn partition<A: Access>(request: *const u8) -> u32 {
    // SAFETY: an accounted request holds on to its partition. Before 5.11 it was a hd_struct.
    unsafe {
        let part = A::read(&PART, request) as *const u8;
        if part.is_null() {
            0
        } else if BD_DEV.found() && !HD_DEV.found() {
            A::read(&BD_DEV, part)
        } else {
            A::read(&HD_DEV, part)
        }
    }
}

/// Index of a completion's error among the manifest's: io, timeout, medium, transport, target,
/// protection, no_space, not_supported, other.
///
/// `BLK_STS_*` and the errno that stood for each before 5.16 (block/blk-core.c, `blk_errors`).
#[inline(always)]
pub fn status_class(error: u32, is_status: bool) -> usize {
    let (io, timeout, medium, transport, target, protection, no_space, not_supported) = if is_status
    {
        (10, 2, 7, 4, 5, 8, 3, 1)
    } else {
        (5, 110, 61, 67, 121, 84, 28, 95)
    };
    let error = if is_status {
        error
    } else {
        (error as i32).unsigned_abs()
    };
    if error == io {
        0
    } else if error == timeout {
        1
    } else if error == medium {
        2
    } else if error == transport {
        3
    } else if error == target {
        4
    } else if error == protection {
        5
    } else if error == no_space {
        6
    } else if error == not_supported {
        7
    } else {
        8
    }
}
