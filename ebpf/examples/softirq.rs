//! Softirqs: how often each vector ran and how long.
//!
//! The worked example of docs/modules.md: a module as a user writes it, outside the daemon.
//!
//! A softirq does not nest on its CPU, so the time it was entered is kept in a per-CPU record
//! and nothing has to be looked up by thread.

#![no_std]
#![no_main]

use core::ffi::c_void;

use aya_ebpf::EbpfContext as _;
use aya_ebpf::btf_maps::PerCpuArray;
use aya_ebpf::helpers::bpf_ktime_get_ns;
use aya_ebpf::macros::{btf_map, btf_tracepoint, raw_tracepoint};
use aya_ebpf::programs::{BtfTracePointContext, RawTracePointContext};
use geophone_ebpf::argument::argument;
use geophone_ebpf::observe::{add, observe_nanoseconds};
use geophone_ebpf::{Histogram, option};

geophone_ebpf::probe_object!();

option!(SCHEMA: u32 = 3);
option!(DURATION: u32 = 1);

/// `NR_SOFTIRQS` of include/linux/interrupt.h, on every kernel with BTF. The manifest names them.
const VECTORS: usize = 10;

/// Written by `softirq_entry` alone.
#[repr(C)]
pub struct Entries {
    runs: [u64; VECTORS],
    /// When the vector was last entered, in nanoseconds.
    entered: [u64; VECTORS],
}

/// Written by `softirq_exit` alone.
#[repr(C)]
pub struct Exits {
    duration: [Histogram; VECTORS],
    /// The entry that was last measured, so that none is measured twice.
    measured: [u64; VECTORS],
}

#[btf_map]
static ENTRIES: PerCpuArray<Entries, 1> = PerCpuArray::new();

#[btf_map]
static EXITS: PerCpuArray<Exits, 1> = PerCpuArray::new();

#[btf_tracepoint(function = "softirq_entry")]
pub fn softirq_entry(context: BtfTracePointContext) -> i32 {
    entered(context.as_ptr())
}

#[raw_tracepoint(tracepoint = "softirq_entry")]
pub fn softirq_entry_raw(context: RawTracePointContext) -> i32 {
    entered(context.as_ptr())
}

#[btf_tracepoint(function = "softirq_exit")]
pub fn softirq_exit(context: BtfTracePointContext) -> i32 {
    left(context.as_ptr())
}

#[raw_tracepoint(tracepoint = "softirq_exit")]
pub fn softirq_exit_raw(context: RawTracePointContext) -> i32 {
    left(context.as_ptr())
}

/// `softirq_entry(unsigned int vec_nr)`, right after the kernel has counted the run for
/// /proc/softirqs (`handle_softirqs()` in kernel/softirq.c).
#[inline(always)]
fn entered(context: *mut c_void) -> i32 {
    // SAFETY: the tracepoint has one argument.
    let vector = unsafe { argument(context, 0) } as u32 as usize;
    let Some(record) = ENTRIES.get_ptr_mut(0) else {
        return 0;
    };
    // SAFETY: this CPU's own record.
    let record = unsafe { &mut *record };
    if let Some(runs) = record.runs.get_mut(vector) {
        add(runs, 1);
    }
    if DURATION.load() != 0
        && let Some(entered) = record.entered.get_mut(vector)
    {
        // SAFETY: the helper takes nothing.
        *entered = unsafe { bpf_ktime_get_ns() };
    }
    0
}

/// `softirq_exit(unsigned int vec_nr)`
#[inline(always)]
fn left(context: *mut c_void) -> i32 {
    // SAFETY: the tracepoint has one argument.
    let vector = unsafe { argument(context, 0) } as u32 as usize;
    let (Some(entries), Some(exits)) = (ENTRIES.get_ptr(0), EXITS.get_ptr_mut(0)) else {
        return 0;
    };
    // SAFETY: this CPU's own records.
    let (entries, exits) = unsafe { (&*entries, &mut *exits) };
    let (Some(&entered), Some(measured), Some(duration)) = (
        entries.entered.get(vector),
        exits.measured.get_mut(vector),
        exits.duration.get_mut(vector),
    ) else {
        return 0;
    };
    // Entered before the module was loaded, or unseen because the program was skipped.
    if entered == *measured {
        return 0;
    }
    *measured = entered;
    // SAFETY: the helper takes nothing.
    let now = unsafe { bpf_ktime_get_ns() };
    observe_nanoseconds(duration, now.wrapping_sub(entered), SCHEMA.load());
    0
}
