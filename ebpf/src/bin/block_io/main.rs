//! Latency, size and errors of block requests.
//!
//! A request carries the time of its allocation, `start_time_ns`. That of its issue to the
//! driver is remembered where the kernel's own is missing or wrong: see [`issue`].

#![no_std]
#![no_main]
#![feature(asm_experimental_arch)]

mod issue;
mod request;

use core::ffi::c_void;

use aya_ebpf::EbpfContext as _;
use aya_ebpf::bindings::BPF_F_NO_PREALLOC;
use aya_ebpf::btf_maps::PerCpuHashMap;
use aya_ebpf::helpers::bpf_ktime_get_ns;
use aya_ebpf::macros::{btf_map, btf_tracepoint, raw_tracepoint};
use aya_ebpf::programs::{BtfTracePointContext, RawTracePointContext};
use geophone_ebpf::access::{Access, Copied, Direct};
use geophone_ebpf::argument::argument;

use geophone_ebpf::observe::{add, observe_bytes, observe_nanoseconds};
use geophone_ebpf::{Histogram, declare, option};

use crate::request::{device, partition, status_class};

geophone_ebpf::probe_object!();

declare! {
    ISSUED_REQUEST = "argument block_rq_issue request";
    REQUEUED_REQUEST = "argument block_rq_requeue request";
    CMD_FLAGS: u32 = "field request.cmd_flags";
    RQ_FLAGS: u32 = "field request.rq_flags";
    DATA_LEN: u32 = "field request.__data_len";
    BIO: u64 = "field request.bio";
    DATA: u64 = "field bio.bi_io_vec";
    START_TIME: u64 = "field request.start_time_ns";
    IO_START_TIME: u64 = "field request.io_start_time_ns";
    OP_READ = "enumerator req_op.REQ_OP_READ | req_opf.REQ_OP_READ";
    OP_WRITE = "enumerator req_op.REQ_OP_WRITE | req_opf.REQ_OP_WRITE";
    OP_FLUSH = "enumerator req_op.REQ_OP_FLUSH | req_opf.REQ_OP_FLUSH";
    OP_DISCARD = "enumerator req_op.REQ_OP_DISCARD | req_opf.REQ_OP_DISCARD";
    FLUSH_SEQ_BIT = "optional enumerator rqf_flags.__RQF_FLUSH_SEQ | __RQF_FLUSH_SEQ";
    COMPLETES_WITH_STATUS = "exists argument block_rq_complete blk_status_t";
}

option!(SCHEMA: u32 = 3);
option!(SPLIT: u32 = 1);
option!(PARTITIONS: u32 = 0);

const NO_PREALLOC: usize = BPF_F_NO_PREALLOC as usize;

/// Position of flushes, after the operations that have data.
const FLUSH_OPERATION: u32 = 3;

/// Position of the operations that have no name of their own.
const OTHER_OPERATION: u32 = 4;

/// The key of requests whose device has no entry of its own.
const OTHER: u32 = u32::MAX;

#[repr(C)]
#[derive(Clone, Copy)]
pub struct RequestKey {
    /// `dev_t` as the kernel keeps it: major << 20 | minor.
    device: u32,
    operation: u32,
}

impl RequestKey {
    fn other(self) -> Self {
        Self {
            device: OTHER,
            ..self
        }
    }
}

#[repr(C)]
pub struct Requests {
    duration: Histogram,
    size: Histogram,
    /// Requests that were not stamped at their allocation.
    untimed: u64,
}

#[repr(C)]
pub struct Split {
    queue: Histogram,
    device: Histogram,
    /// Requests whose time of issue is not known.
    unsplit: u64,
}

#[repr(C)]
pub struct DeviceKey {
    device: u32,
}

#[repr(C)]
pub struct Errors {
    errors: [u64; 9],
}

#[repr(C)]
pub struct Requeues {
    requeues: u64,
}

#[repr(C)]
pub struct PartitionRequests {
    duration: Histogram,
}

// Entries are allocated as user space creates them: memory goes by the devices that exist.

#[btf_map]
static BLOCK_IO: PerCpuHashMap<RequestKey, Requests, 1, NO_PREALLOC> = PerCpuHashMap::new();

#[btf_map]
static BLOCK_IO_SPLIT: PerCpuHashMap<RequestKey, Split, 1, NO_PREALLOC> = PerCpuHashMap::new();

#[btf_map]
static BLOCK_IO_PARTITION: PerCpuHashMap<RequestKey, PartitionRequests, 1, NO_PREALLOC> =
    PerCpuHashMap::new();

#[btf_map]
static BLOCK_IO_ERRORS: PerCpuHashMap<DeviceKey, Errors, 1, NO_PREALLOC> = PerCpuHashMap::new();

#[btf_map]
static BLOCK_IO_REQUEUES: PerCpuHashMap<DeviceKey, Requeues, 1, NO_PREALLOC> = PerCpuHashMap::new();

#[btf_tracepoint(function = "block_rq_issue")]
pub fn block_rq_issue(context: BtfTracePointContext) -> i32 {
    issued(context.as_ptr())
}

#[raw_tracepoint(tracepoint = "block_rq_issue")]
pub fn block_rq_issue_raw(context: RawTracePointContext) -> i32 {
    issued(context.as_ptr())
}

#[btf_tracepoint(function = "block_rq_complete")]
pub fn block_rq_complete(context: BtfTracePointContext) -> i32 {
    completed::<Direct>(context.as_ptr())
}

#[raw_tracepoint(tracepoint = "block_rq_complete")]
pub fn block_rq_complete_raw(context: RawTracePointContext) -> i32 {
    completed::<Copied>(context.as_ptr())
}

#[btf_tracepoint(function = "block_rq_requeue")]
pub fn block_rq_requeue(context: BtfTracePointContext) -> i32 {
    requeued::<Direct>(context.as_ptr())
}

#[raw_tracepoint(tracepoint = "block_rq_requeue")]
pub fn block_rq_requeue_raw(context: RawTracePointContext) -> i32 {
    requeued::<Copied>(context.as_ptr())
}

#[inline(always)]
fn issued(context: *mut c_void) -> i32 {
    if issue::remembering() {
        // SAFETY: the declaration found the argument.
        issue::remember(unsafe { argument(context, ISSUED_REQUEST.get()) });
    }
    0
}

/// `block_rq_complete(struct request *, blk_status_t or int error, unsigned int nr_bytes)`
#[inline(always)]
fn completed<A: Access>(context: *mut c_void) -> i32 {
    // SAFETY: the tracepoint has these arguments on every kernel since 4.14.
    let (address, error, bytes) = unsafe {
        (
            argument(context, 0),
            argument(context, 1) as u32,
            argument(context, 2) as u32,
        )
    };
    let request = address as *const u8;
    // SAFETY: the request that completes.
    let (cmd_flags, rq_flags, data_len) = unsafe {
        (
            A::read(&CMD_FLAGS, request),
            A::read(&RQ_FLAGS, request),
            A::read(&DATA_LEN, request),
        )
    };
    // REQ_OP_MASK
    let op = cmd_flags & 0xff;
    // SAFETY: as above.
    let device = unsafe { device::<A>(request) };
    let key = RequestKey {
        device,
        operation: operation(op),
    };

    // blk_status_t is one byte; the register above it is not.
    let error = if COMPLETES_WITH_STATUS.holds() {
        error & 0xff
    } else {
        error
    };

    let Some(requests) = record(&BLOCK_IO, key, key.other()) else {
        return 0;
    };

    // A request may complete in parts. The last one takes all that is left.
    if bytes < data_len {
        add(&mut requests.size.sum, u64::from(bytes));
        return 0;
    }
    // A flush, alone or before a write, carries nothing.
    if bytes != 0 {
        observe_bytes(&mut requests.size, u64::from(bytes), SCHEMA.load());
    }
    // A write with a flush around it completes twice: its data, then, without bytes, the whole
    // sequence, which is when the kernel counts it, too (blk_account_io_done()). An error is
    // reported both times. Before 6.11 the bit was a macro, 4.
    let flush_seq = if FLUSH_SEQ_BIT.found() {
        FLUSH_SEQ_BIT.get() & 31
    } else {
        4
    };
    if rq_flags & (1 << flush_seq) != 0 && op != OP_FLUSH.get() {
        return 0;
    }
    // What completes without bytes is no request of its own, but for a write that waited for a
    // flush. Request-based device mapper completes a request twice: its data, as the paths
    // complete it, then the request (dm_end_request()), which has lost its bio. And who asks for
    // a flush alone waits in a write without data for the flush that is sent, which is counted.
    // SAFETY: the request that completes.
    if bytes == 0 && key.operation < FLUSH_OPERATION && !unsafe { has_data::<A>(request) } {
        return 0;
    }
    if error != 0 {
        failed(device, status_class(error, COMPLETES_WITH_STATUS.holds()));
    }

    // SAFETY: the request that completes.
    let start = unsafe { A::read(&START_TIME, request) };
    if start == 0 {
        add(&mut requests.untimed, 1);
        return 0;
    }
    // SAFETY: a helper without arguments.
    let now = unsafe { bpf_ktime_get_ns() };
    observe_nanoseconds(
        &mut requests.duration,
        now.wrapping_sub(start),
        SCHEMA.load(),
    );

    if SPLIT.load() != 0 {
        // SAFETY: the request that completes.
        let stamped = unsafe { A::read(&IO_START_TIME, request) };
        // A write whose flush failed was never issued. Passthrough requests, among the other
        // operations, are not stamped on any queue.
        let stampable = (bytes != 0 || op == OP_FLUSH.get()) && key.operation != OTHER_OPERATION;
        let issue = issue::time(stamped, address, stampable);
        split(key, start, if issue < start { 0 } else { issue }, now);
    }
    if PARTITIONS.load() != 0 {
        // SAFETY: the request that completes.
        let partition = unsafe { partition::<A>(request) };
        // A request to the whole disk is accounted to the disk itself.
        if partition != 0 && partition != device {
            let key = RequestKey {
                device: partition,
                ..key
            };
            if let Some(record) = record(&BLOCK_IO_PARTITION, key, key.other()) {
                observe_nanoseconds(&mut record.duration, now.wrapping_sub(start), SCHEMA.load());
            }
        }
    }
    0
}

/// Whether a request came with data, of which none may be left.
///
/// # Safety
///
/// `request` points to a live `struct request`.
#[inline(always)]
unsafe fn has_data<A: Access>(request: *const u8) -> bool {
    // SAFETY: a request that still has its bio has not ended it.
    unsafe {
        let bio = A::read(&BIO, request) as *const u8;
        !bio.is_null() && A::read(&DATA, bio) != 0
    }
}

/// This CPU's record of `key`; where it has none, that of `other`.
#[inline(always)]
fn record<K, V, const N: usize, const F: usize>(
    map: &'static PerCpuHashMap<K, V, N, F>,
    key: K,
    other: K,
) -> Option<&'static mut V> {
    let record = map.get_ptr_mut(key).or_else(|| map.get_ptr_mut(other));
    // SAFETY: this CPU's own record, and no other reference to it is alive.
    record.map(|record| unsafe { &mut *record })
}

#[inline(always)]
fn split(key: RequestKey, start: u64, issue: u64, now: u64) {
    let Some(record) = record(&BLOCK_IO_SPLIT, key, key.other()) else {
        return;
    };
    if issue == 0 {
        add(&mut record.unsplit, 1);
        return;
    }
    observe_nanoseconds(&mut record.queue, issue.wrapping_sub(start), SCHEMA.load());
    observe_nanoseconds(&mut record.device, now.wrapping_sub(issue), SCHEMA.load());
}

#[inline(always)]
fn failed(device: u32, class: usize) {
    let record = record(
        &BLOCK_IO_ERRORS,
        DeviceKey { device },
        DeviceKey { device: OTHER },
    );
    if let Some(cell) = record.and_then(|record| record.errors.get_mut(class)) {
        add(cell, 1);
    }
}

#[inline(always)]
fn requeued<A: Access>(context: *mut c_void) -> i32 {
    // SAFETY: the declaration found the argument.
    let request = unsafe { argument(context, REQUEUED_REQUEST.get()) } as *const u8;
    // SAFETY: the request that goes back to its queue.
    let device = unsafe { device::<A>(request) };
    let record = record(
        &BLOCK_IO_REQUEUES,
        DeviceKey { device },
        DeviceKey { device: OTHER },
    );
    if let Some(record) = record {
        add(&mut record.requeues, 1);
    }
    0
}

/// Index of the operation among the manifest's: read, write, discard, flush, other.
#[inline(always)]
fn operation(op: u32) -> u32 {
    if op == OP_READ.get() {
        0
    } else if op == OP_WRITE.get() {
        1
    } else if op == OP_DISCARD.get() {
        2
    } else if op == OP_FLUSH.get() {
        3
    } else {
        OTHER_OPERATION
    }
}
