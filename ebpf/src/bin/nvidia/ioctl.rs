//! What processes ask of the driver, at `/dev/nvidia0`, `/dev/nvidiactl` and the like.

use aya_ebpf::btf_maps::PerCpuArray;
use aya_ebpf::macros::btf_map;
use geophone_ebpf::attention::{self, Attention};
use geophone_ebpf::bounded;
use geophone_ebpf::calls::task;
use geophone_ebpf::observe::add;

/// As many as the manifest names.
const DEVICES: usize = 2;
const COMMANDS: usize = 10;

/// `/dev/nvidiactl`, which is for all GPUs; the minors below 248 are one each.
const CONTROL_MINOR: u32 = 255;
/// `/dev/nvidia-modeset`, of a driver of its own, which passes some of the hooks and not others.
const MODESET_MINOR: u32 = 254;

/// Positions in the label `command`.
const CONTROL: usize = 0;
const ALLOCATE: usize = 1;
const FREE: usize = 2;
const MAP: usize = 3;
const UNMAP: usize = 4;
const SHARE: usize = 5;
const EVENT: usize = 6;
const DEVICE: usize = 7;
const TRANSFER: usize = 8;
const OTHER: usize = 9;

#[repr(C)]
pub struct Ioctls {
    ioctls: [u64; DEVICES * COMMANDS],
}

#[repr(C)]
pub struct Opens {
    opens: u64,
}

#[btf_map]
static NVIDIA_IOCTLS: PerCpuArray<Ioctls, 1> = PerCpuArray::new();

#[btf_map]
static NVIDIA_OPENS: PerCpuArray<Opens, 1> = PerCpuArray::new();

/// Who opens the driver's devices is going to use its libraries, if it has not begun.
#[btf_map]
static NVIDIA_OPENERS: Attention = Attention::new();

#[inline(always)]
pub fn called(minor: u32, command: u32) {
    if minor == MODESET_MINOR {
        return;
    }
    let Some(record) = NVIDIA_IOCTLS.get_ptr_mut(0) else {
        return;
    };
    let device = usize::from(minor == CONTROL_MINOR);
    let place = bounded::sum(device * COMMANDS, class(command));
    // SAFETY: this CPU's own record.
    if let Some(cell) = unsafe { (*record).ioctls.get_mut(place) } {
        add(cell, 1);
    }
}

#[inline(always)]
pub fn opened(minor: u32) {
    if minor == MODESET_MINOR {
        return;
    }
    attention::call(&NVIDIA_OPENERS, task::process());
    if let Some(record) = NVIDIA_OPENS.get_ptr_mut(0) {
        // SAFETY: as above.
        add(unsafe { &mut (*record).opens }, 1);
    }
}

/// What kind of command it is: `_IOWR('F', number, …)`, the numbers from nv_escape.h,
/// nv-ioctl-numbers.h and nv-ioctl-numa.h of the driver.
#[inline(always)]
fn class(command: u32) -> usize {
    if command >> 8 & 0xff != u32::from(b'F') {
        return OTHER;
    }
    match command & 0xff {
        0x2a => CONTROL,
        // Memory, objects, memory on a heap, and contexts of DMA.
        0x27 | 0x28 | 0x2b | 0x4a | 0x54 => ALLOCATE,
        0x29 => FREE,
        0x4e | 0x57 => MAP,
        0x4f | 0x58 => UNMAP,
        // To clients, to file descriptors, and as dma-bufs.
        0x34 | 0x35 | 0x5c | 0x5d | 217 => SHARE,
        206 | 207 => EVENT,
        // Cards, descriptors registered, status, version, GPUs attached, parameters, NUMA, opening.
        200 | 201 | 209 | 210 | 212..=216 | 218 => DEVICE,
        // Of a command that is too large, behind a pointer.
        211 => TRANSFER,
        _ => OTHER,
    }
}
