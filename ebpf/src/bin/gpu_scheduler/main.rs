//! Jobs of the kernel's GPU scheduler (`drivers/gpu/drm/scheduler`), which most drivers share:
//! how long they are queued, how long the device works on them, and how they end.
//!
//! The scheduler is a module of the kernel, and its tracepoints have records that tracefs
//! describes. A job is known by its fence, and ends with that fence's signal, whatever its
//! end is: the scheduler's own event of an end is for jobs that were run alone.

#![no_std]
#![no_main]

mod job;
mod ring;

use aya_ebpf::EbpfContext as _;
use aya_ebpf::macros::{btf_tracepoint, raw_tracepoint, tracepoint};
use aya_ebpf::programs::{BtfTracePointContext, RawTracePointContext, TracePointContext};
use geophone_ebpf::access::{Copied, Direct};
use geophone_ebpf::argument::argument;
use geophone_ebpf::fence::{self, Fence};
use geophone_ebpf::{declare, record};

use crate::ring::Ring;

geophone_ebpf::probe_object!();

declare! {
    QUEUE_RING: u32 = "record gpu_scheduler/drm_sched_job_queue.name";
    QUEUE_DEVICE: u32 = "record gpu_scheduler/drm_sched_job_queue.dev";
    QUEUE_CONTEXT: u64 = "record gpu_scheduler/drm_sched_job_queue.fence_context";
    QUEUE_SEQNO: u64 = "record gpu_scheduler/drm_sched_job_queue.fence_seqno";
    RUN_CONTEXT: u64 = "record gpu_scheduler/drm_sched_job_run.fence_context";
    RUN_SEQNO: u64 = "record gpu_scheduler/drm_sched_job_run.fence_seqno";
    // As they were called, and told the fence's address, before they were declared stable.
    OLD_QUEUE_RING: u32 = "record gpu_scheduler/drm_sched_job.name";
    // Once not a text in the record, but the address of one.
    OLDEST_QUEUE_RING: u64 = "record gpu_scheduler/drm_sched_job.name";
    OLD_QUEUE_FENCE: u64 = "record gpu_scheduler/drm_sched_job.fence";
    OLD_RUN_FENCE: u64 = "record gpu_scheduler/drm_run_job.fence";
}

#[tracepoint]
pub fn job_queue(context: TracePointContext) -> u32 {
    let context = context.as_ptr();
    // SAFETY: the program's own context, as below; it has the fields, or is not loaded.
    let (fence, ring) = unsafe {
        let fence = Fence {
            context: record::field(context, &QUEUE_CONTEXT) as u32,
            seqno: record::field(context, &QUEUE_SEQNO) as u32,
        };
        let device = Some(record::text(context, &QUEUE_DEVICE));
        (fence, Ring::of(device, record::text(context, &QUEUE_RING)))
    };
    job::queued(fence, ring);
    0
}

#[tracepoint]
pub fn job_queue_old(context: TracePointContext) -> u32 {
    let context = context.as_ptr();
    // SAFETY: as above; the fence is the job's.
    let (fence, ring) = unsafe {
        let fence = Fence::of::<Copied>(record::field(context, &OLD_QUEUE_FENCE));
        (
            fence,
            Ring::of(None, record::text(context, &OLD_QUEUE_RING)),
        )
    };
    job::queued(fence, ring);
    0
}

#[tracepoint]
pub fn job_queue_oldest(context: TracePointContext) -> u32 {
    let context = context.as_ptr();
    // SAFETY: as above.
    let (fence, ring) = unsafe {
        let fence = Fence::of::<Copied>(record::field(context, &OLD_QUEUE_FENCE));
        let name = record::field(context, &OLDEST_QUEUE_RING) as *const u8;
        (fence, Ring::of(None, name))
    };
    job::queued(fence, ring);
    0
}

#[tracepoint]
pub fn job_run(context: TracePointContext) -> u32 {
    let context = context.as_ptr();
    // SAFETY: as above.
    let fence = unsafe {
        Fence {
            context: record::field(context, &RUN_CONTEXT) as u32,
            seqno: record::field(context, &RUN_SEQNO) as u32,
        }
    };
    job::run(fence);
    0
}

#[tracepoint]
pub fn job_run_old(context: TracePointContext) -> u32 {
    let context = context.as_ptr();
    // SAFETY: as above.
    job::run(unsafe { Fence::of::<Copied>(record::field(context, &OLD_RUN_FENCE)) });
    0
}

#[btf_tracepoint(function = "dma_fence_signaled")]
pub fn fence_signaled(context: BtfTracePointContext) -> i32 {
    // SAFETY: the tracepoint's only argument, a fence.
    unsafe {
        let fence = argument(context.as_ptr(), 0);
        job::ended(Fence::of::<Direct>(fence), || fence::error::<Direct>(fence));
    }
    0
}

#[raw_tracepoint(tracepoint = "dma_fence_signaled")]
pub fn fence_signaled_raw(context: RawTracePointContext) -> i32 {
    // SAFETY: as above.
    unsafe {
        let fence = argument(context.as_ptr(), 0);
        job::ended(Fence::of::<Copied>(fence), || fence::error::<Copied>(fence));
    }
    0
}
