//! NVIDIA's driver of unified memory: page faults, migrations, and what processes ask of it.

#![no_std]
#![no_main]

mod event;
mod ioctl;

use aya_ebpf::EbpfContext as _;
use aya_ebpf::macros::kprobe;
use aya_ebpf::programs::ProbeContext;
use geophone_ebpf::declare;
use geophone_ebpf::registers::function_argument;

geophone_ebpf::probe_object!();

declare! {
    // What an event's data are depends on the driver's version, and is as below since 550. The
    // function has its name since 545, of which the data are told by their being impossible.
    RECENT = "function nvidia_unlocked_ioctl";
}

/// `uvm_unlocked_ioctl_entry(struct file *, unsigned int cmd, unsigned long)`
#[kprobe]
pub fn ioctl(context: ProbeContext) -> u32 {
    // SAFETY: the program's own context.
    ioctl::called(unsafe { function_argument(context.as_ptr(), 1) } as u32);
    0
}

/// `uvm_perf_event_notify(uvm_perf_va_space_events_t *, uvm_perf_event_t, uvm_perf_event_data_t *)`
#[kprobe]
pub fn event(context: ProbeContext) -> u32 {
    if !RECENT.holds() {
        return 0;
    }
    // SAFETY: the program's own context.
    let (kind, data) = unsafe {
        let context = context.as_ptr();
        (function_argument(context, 1), function_argument(context, 2))
    };
    event::notified(kind as u32, data as *const u8);
    0
}

/// `uvm_parent_gpu_service_replayable_faults(uvm_parent_gpu_t *)`, before 560
/// `uvm_gpu_service_replayable_faults`.
#[kprobe]
pub fn service(_: ProbeContext) -> u32 {
    event::serviced();
    0
}
