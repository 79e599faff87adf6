//! An empty program: what the kernel charges for running any program at all. The benchmark
//! states every probe's cost as a multiple of it.

#![no_std]
#![no_main]

use aya_ebpf::macros::btf_tracepoint;
use aya_ebpf::programs::BtfTracePointContext;

geophone_ebpf::probe_object!();

#[btf_tracepoint(function = "sched_switch")]
pub fn empty(_context: BtfTracePointContext) -> i32 {
    0
}
