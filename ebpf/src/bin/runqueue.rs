//! Run-queue wait, context switches and migrations.
//!
//! At `sched_switch` the scheduler has not yet charged the next task for its wait:
//! `sched_info.last_queued` still holds when it was queued, and `rq->clock` is the clock
//! that `sched_info_arrive()` (kernel/sched/stats.h) is about to subtract it from. So one
//! program reads the wait.
//!
//! A task that is moved while it waits is taken off one queue and put on another, and
//! `last_queued` begins anew; `sched_info_dequeue()` has added what it waited before to
//! `run_delay`. How much that was tells the difference from `run_delay` at the task's last
//! run, which is the one number remembered: a plain store into a table by task id, without
//! insertion or lock. Two tasks whose ids share a place lose that difference; should they
//! mix up a place by storing at once, a wait longer than the time since the task last ran
//! shows it.

#![no_std]
#![no_main]

use core::ffi::c_void;

use aya_ebpf::EbpfContext as _;
use aya_ebpf::bindings::BPF_F_NO_PREALLOC;
use aya_ebpf::btf_maps::{Array, PerCpuArray, PerCpuHashMap};
use aya_ebpf::macros::{btf_map, btf_tracepoint, raw_tracepoint};
use aya_ebpf::programs::{BtfTracePointContext, RawTracePointContext};
use geophone_ebpf::access::{Access, Copied, Direct};
use geophone_ebpf::argument::argument;
use geophone_ebpf::observe::{add, observe_nanoseconds};
use geophone_ebpf::{Histogram, declare, option};

geophone_ebpf::probe_object!();

declare! {
    PREV = "argument sched_switch task_struct 0";
    NEXT = "argument sched_switch task_struct 1";
    LAST_QUEUED: u64 = "field task_struct.sched_info.last_queued";
    RUN_DELAY: u64 = "field task_struct.sched_info.run_delay";
    PCOUNT: u64 = "field task_struct.sched_info.pcount";
    LAST_ARRIVAL: u64 = "field task_struct.sched_info.last_arrival";
    CFS_RQ: u64 = "field task_struct.se.cfs_rq";
    RQ: u64 = "field cfs_rq.rq";
    CLOCK: u64 = "field rq.clock";
    STATE = "field task_struct.__state : 4 | task_struct.state : 8";
    PID: u32 = "field task_struct.pid";
    CGROUPS: u64 = "optional field task_struct.cgroups";
    DEFAULT_CGROUP: u64 = "optional field css_set.dfl_cgrp";
    KERNFS_NODE: u64 = "optional field cgroup.kn";
    KERNFS_ID: u64 = "optional field kernfs_node.id";
}

option!(SCHEMA: u32 = 3);
option!(PER_CGROUP: u32 = 0);

const NO_PREALLOC: usize = BPF_F_NO_PREALLOC as usize;

#[repr(C)]
pub struct RunQueue {
    wait: Histogram,
    /// Voluntary, involuntary.
    switches: [u64; 2],
}

#[repr(C)]
pub struct Migrations {
    migrations: u64,
}

/// The key of tasks whose cgroup has no entry of its own.
const OTHER: u64 = u64::MAX;

/// Places for tasks; a power of two.
const PLACES: usize = 32_768;

/// What a task had waited in all when it last got the CPU.
#[repr(C)]
pub struct Waited {
    pid: u64,
    run_delay: u64,
}

#[repr(C)]
pub struct CgroupKey {
    cgroup: u64,
}

#[repr(C)]
pub struct CgroupRunQueue {
    wait: Histogram,
}

#[btf_map]
static RUNQUEUE: PerCpuArray<RunQueue, 1> = PerCpuArray::new();

#[btf_map]
static MIGRATIONS: PerCpuArray<Migrations, 1> = PerCpuArray::new();

#[btf_map]
static RUNQUEUE_TASKS: Array<Waited, PLACES> = Array::new();

/// Entries are allocated as user space creates them: memory goes by the cgroups that exist.
#[btf_map]
static RUNQUEUE_CGROUP: PerCpuHashMap<CgroupKey, CgroupRunQueue, 1, NO_PREALLOC> =
    PerCpuHashMap::new();

#[btf_tracepoint(function = "sched_switch")]
pub fn sched_switch(context: BtfTracePointContext) -> i32 {
    switched::<Direct>(context.as_ptr())
}

#[raw_tracepoint(tracepoint = "sched_switch")]
pub fn sched_switch_raw(context: RawTracePointContext) -> i32 {
    switched::<Copied>(context.as_ptr())
}

#[btf_tracepoint(function = "sched_migrate_task")]
pub fn sched_migrate_task(_context: BtfTracePointContext) -> i32 {
    migrated()
}

#[raw_tracepoint(tracepoint = "sched_migrate_task")]
pub fn sched_migrate_task_raw(_context: RawTracePointContext) -> i32 {
    migrated()
}

/// `sched_switch(bool preempt, struct task_struct *prev, struct task_struct *next, …)`; some
/// 5.18 have the state of `prev` before the tasks.
#[inline(always)]
fn switched<A: Access>(context: *mut c_void) -> i32 {
    let Some(record) = RUNQUEUE.get_ptr_mut(0) else {
        return 0;
    };
    // SAFETY: this CPU's own record, and programs on one CPU do not nest in themselves.
    let record = unsafe { &mut *record };
    // SAFETY: the declarations found the arguments; the first is there since 4.4.
    let (preempt, prev, next) = unsafe {
        (
            argument(context, 0) & 0xff,
            argument(context, PREV.get()) as *const u8,
            argument(context, NEXT.get()) as *const u8,
        )
    };

    // The idle task (pid 0 on every CPU) yields to whatever comes: not a switch of a task.
    // SAFETY: prev is the task that leaves the CPU.
    if unsafe { A::read(&PID, prev) } != 0 {
        // What __schedule() counts in nvcsw: the task gave up the CPU by itself. It counts so
        // too where a signal keeps the task from the sleep it asked for; that does not show here.
        // SAFETY: as above. The state fits the low half where it is a long.
        let voluntary = preempt == 0 && unsafe { A::read_part::<u32, _>(&STATE, prev) } != 0;
        add(&mut record.switches[usize::from(!voluntary)], 1);
    }

    // Zero for the idle task, which is never queued.
    // SAFETY: next is the task that gets the CPU.
    let queued = unsafe { A::read(&LAST_QUEUED, next) };
    if queued == 0 {
        return 0;
    }
    // SAFETY: the run queue of a task that is about to run is this CPU's.
    let clock = unsafe {
        let cfs_rq = A::read(&CFS_RQ, next) as *const u8;
        let rq = A::read(&RQ, cfs_rq) as *const u8;
        A::read(&CLOCK, rq)
    };
    // The clocks of two CPUs may disagree for a task that has just come.
    let since_queued = (clock.wrapping_sub(queued) as i64).max(0) as u64;
    // SAFETY: next is the task that gets the CPU.
    let wait = since_queued + unsafe { waited_before::<A>(next, since_queued, clock) };
    observe_nanoseconds(&mut record.wait, wait, SCHEMA.load());

    if PER_CGROUP.load() != 0 {
        // SAFETY: next.
        unsafe { waited_in_cgroup::<A>(next, wait) };
    }
    0
}

/// How long the task waited on other queues since its last run, and remembers what its
/// `run_delay` is about to become.
#[inline(always)]
unsafe fn waited_before<A: Access>(task: *const u8, since_queued: u64, clock: u64) -> u64 {
    // SAFETY: the caller's task.
    let (pid, run_delay) = unsafe { (u64::from(A::read(&PID, task)), A::read(&RUN_DELAY, task)) };
    let Some(place) = RUNQUEUE_TASKS.get_ptr_mut(pid as u32 & (PLACES as u32 - 1)) else {
        return 0;
    };
    // SAFETY: the table lives as long as the program; a task runs on one CPU at a time.
    let place = unsafe { &mut *place };
    let (known, before) = (place.pid == pid, place.run_delay);
    place.pid = pid;
    place.run_delay = run_delay + since_queued;
    if known && run_delay == before {
        return 0;
    }
    if known && run_delay > before {
        // SAFETY: the caller's task.
        let last_arrival = unsafe { A::read(&LAST_ARRIVAL, task) };
        let waited = run_delay - before;
        let possible = waited + since_queued <= clock.wrapping_sub(last_arrival);
        return if possible { waited } else { 0 };
    }
    // All of a new task's delay belongs to its first wait.
    // SAFETY: the caller's task.
    if unsafe { A::read(&PCOUNT, task) } == 0 {
        run_delay
    } else {
        0
    }
}

/// Looks the next task's cgroup up by the inode number of its directory, which is what user
/// space sees of it.
#[inline(always)]
unsafe fn waited_in_cgroup<A: Access>(task: *const u8, wait: u64) {
    // SAFETY: the caller's task.
    let cgroup = unsafe { cgroup::<A>(task) };
    let record = RUNQUEUE_CGROUP
        .get_ptr_mut(CgroupKey { cgroup })
        .or_else(|| RUNQUEUE_CGROUP.get_ptr_mut(CgroupKey { cgroup: OTHER }));
    if let Some(record) = record {
        // SAFETY: this CPU's own record.
        observe_nanoseconds(unsafe { &mut (*record).wait }, wait, SCHEMA.load());
    }
}

/// The task's cgroup in the unified hierarchy; on a kernel without cgroups all are in `other`.
#[inline(always)]
unsafe fn cgroup<A: Access>(task: *const u8) -> u64 {
    let found = CGROUPS.found() && DEFAULT_CGROUP.found();
    if !(found && KERNFS_NODE.found() && KERNFS_ID.found()) {
        return OTHER;
    }
    // SAFETY: a task's css_set and its default cgroup exist as long as the task runs.
    unsafe {
        let set = A::read(&CGROUPS, task) as *const u8;
        let cgroup = A::read(&DEFAULT_CGROUP, set) as *const u8;
        let node = A::read(&KERNFS_NODE, cgroup) as *const u8;
        A::read(&KERNFS_ID, node)
    }
}

#[inline(always)]
fn migrated() -> i32 {
    if let Some(record) = MIGRATIONS.get_ptr_mut(0) {
        // SAFETY: this CPU's own record.
        add(unsafe { &mut (*record).migrations }, 1);
    }
    0
}
