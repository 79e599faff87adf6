//! Fences of GPUs and other devices that work on shared buffers (`struct dma_fence`): how
//! long from their making to their signal, and how long threads wait for them.
//!
//! What a fence is called only its driver knows, and a program cannot call that. The record
//! of the classic tracepoint has the names, and is made where somebody asks for it: once for
//! each fence, at its making, because later the kernel may tell placeholders. All else is
//! read from the fence itself.

#![no_std]
#![no_main]

mod fence;
mod timeline;
mod wait;

use aya_ebpf::EbpfContext as _;
use aya_ebpf::macros::{btf_tracepoint, raw_tracepoint, tracepoint};
use aya_ebpf::programs::{BtfTracePointContext, RawTracePointContext, TracePointContext};
use geophone_ebpf::access::{Copied, Direct};
use geophone_ebpf::argument::argument;
use geophone_ebpf::fence::Fence;

geophone_ebpf::probe_object!();

#[tracepoint]
pub fn dma_fence_init(context: TracePointContext) -> u32 {
    // SAFETY: the program's own context.
    unsafe { fence::initialised(context.as_ptr()) };
    0
}

#[btf_tracepoint(function = "dma_fence_signaled")]
pub fn dma_fence_signaled(context: BtfTracePointContext) -> i32 {
    // SAFETY: the tracepoint's only argument, a fence.
    fence::signaled(unsafe { Fence::of::<Direct>(argument(context.as_ptr(), 0)) });
    0
}

#[raw_tracepoint(tracepoint = "dma_fence_signaled")]
pub fn dma_fence_signaled_raw(context: RawTracePointContext) -> i32 {
    // SAFETY: as above.
    fence::signaled(unsafe { Fence::of::<Copied>(argument(context.as_ptr(), 0)) });
    0
}

#[btf_tracepoint(function = "dma_fence_destroy")]
pub fn dma_fence_destroy(context: BtfTracePointContext) -> i32 {
    // SAFETY: as above.
    fence::destroyed(unsafe { Fence::of::<Direct>(argument(context.as_ptr(), 0)) });
    0
}

#[raw_tracepoint(tracepoint = "dma_fence_destroy")]
pub fn dma_fence_destroy_raw(context: RawTracePointContext) -> i32 {
    // SAFETY: as above.
    fence::destroyed(unsafe { Fence::of::<Copied>(argument(context.as_ptr(), 0)) });
    0
}

#[btf_tracepoint(function = "dma_fence_wait_start")]
pub fn dma_fence_wait_start(context: BtfTracePointContext) -> i32 {
    // SAFETY: as above.
    wait::begun(unsafe { Fence::of::<Direct>(argument(context.as_ptr(), 0)) });
    0
}

#[raw_tracepoint(tracepoint = "dma_fence_wait_start")]
pub fn dma_fence_wait_start_raw(context: RawTracePointContext) -> i32 {
    // SAFETY: as above.
    wait::begun(unsafe { Fence::of::<Copied>(argument(context.as_ptr(), 0)) });
    0
}

#[btf_tracepoint(function = "dma_fence_wait_end")]
pub fn dma_fence_wait_end(_: BtfTracePointContext) -> i32 {
    wait::ended();
    0
}

#[raw_tracepoint(tracepoint = "dma_fence_wait_end")]
pub fn dma_fence_wait_end_raw(_: RawTracePointContext) -> i32 {
    wait::ended();
    0
}
