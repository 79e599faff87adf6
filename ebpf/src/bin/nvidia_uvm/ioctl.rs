//! What processes ask of the driver, at `/dev/nvidia-uvm`.

use aya_ebpf::btf_maps::PerCpuArray;
use aya_ebpf::macros::btf_map;
use geophone_ebpf::observe::add;

/// As many as the manifest names.
const COMMANDS: usize = 6;

/// Positions in the label `command`.
const INITIALIZE: usize = 0;
const REGISTER: usize = 1;
const MAP: usize = 2;
const FREE: usize = 3;
const MIGRATE: usize = 4;
const OTHER: usize = 5;

#[repr(C)]
pub struct Ioctls {
    ioctls: [u64; COMMANDS],
}

#[btf_map]
static NVIDIA_UVM_IOCTLS: PerCpuArray<Ioctls, 1> = PerCpuArray::new();

#[inline(always)]
pub fn called(command: u32) {
    let Some(record) = NVIDIA_UVM_IOCTLS.get_ptr_mut(0) else {
        return;
    };
    // SAFETY: this CPU's own record.
    if let Some(cell) = unsafe { (*record).ioctls.get_mut(class(command)) } {
        add(cell, 1);
    }
}

/// What kind of command it is: bare numbers, from uvm_ioctl.h and uvm_linux_ioctl.h.
#[inline(always)]
fn class(command: u32) -> usize {
    match command {
        0x3000_0001 | 0x3000_0002 | 75 => INITIALIZE,
        // Address spaces, channels, peers and GPUs, and their ends.
        25..=30 | 37 | 38 => REGISTER,
        // External allocations, ranges for them, pools, and their ends.
        33 | 65 | 66 | 68 | 73 | 74 => MAP,
        34 => FREE,
        // Of an address range, and of a range group.
        51 | 53 => MIGRATE,
        _ => OTHER,
    }
}
