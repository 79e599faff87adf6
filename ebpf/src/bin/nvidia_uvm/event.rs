//! Faults on managed memory, and its moves.

use aya_ebpf::btf_maps::PerCpuArray;
use aya_ebpf::helpers::bpf_probe_read_kernel;
use aya_ebpf::macros::btf_map;
use geophone_ebpf::observe::add;

/// `uvm_perf_event_t` of uvm_perf_events.h.
const FAULT: u32 = 6;
const MIGRATION: u32 = 7;

/// In `uvm_perf_event_data_t`, of a fault, behind its address space and block.
const PROCESSOR: usize = 16;
/// The same, of a migration.
const DESTINATION: usize = 16;
const SOURCE: usize = 20;
const BYTES: usize = 40;

/// `UVM_ID_CPU_VALUE`: the processors above it are GPUs.
const CPU: u32 = 0;
/// More than the driver can have. What is above it, or does not move whole pages, or more than
/// a block (`UVM_VA_BLOCK_SIZE`) at a time, is not what it is read for.
const PROCESSORS: u32 = 4096;
const PAGE: u64 = 4096;
const BLOCK: u64 = 2 << 20;

#[repr(C)]
pub struct Events {
    /// By the processor that faulted: the CPU, a GPU.
    faults: [u64; 2],
    /// By the direction, as the manifest names them.
    migrated: [u64; 4],
    unreadable: u64,
}

#[repr(C)]
pub struct Services {
    services: u64,
}

#[btf_map]
static NVIDIA_UVM_EVENTS: PerCpuArray<Events, 1> = PerCpuArray::new();

#[btf_map]
static NVIDIA_UVM_SERVICES: PerCpuArray<Services, 1> = PerCpuArray::new();

#[inline(always)]
pub fn notified(kind: u32, data: *const u8) {
    let Some(record) = NVIDIA_UVM_EVENTS.get_ptr_mut(0) else {
        return;
    };
    // SAFETY: this CPU's own record.
    let events = unsafe { &mut *record };
    let counted = match kind {
        FAULT => fault(events, data),
        MIGRATION => migration(events, data),
        _ => return,
    };
    if counted.is_none() {
        add(&mut events.unreadable, 1);
    }
}

#[inline(always)]
pub fn serviced() {
    if let Some(record) = NVIDIA_UVM_SERVICES.get_ptr_mut(0) {
        // SAFETY: as above.
        add(unsafe { &mut (*record).services }, 1);
    }
}

#[inline(always)]
fn fault(events: &mut Events, data: *const u8) -> Option<()> {
    let processor = processor(data, PROCESSOR)?;
    add(&mut events.faults[usize::from(processor != CPU)], 1);
    Some(())
}

#[inline(always)]
fn migration(events: &mut Events, data: *const u8) -> Option<()> {
    let (from, to) = (processor(data, SOURCE)?, processor(data, DESTINATION)?);
    let is_possible = |bytes: &u64| *bytes != 0 && *bytes <= BLOCK && *bytes % PAGE == 0;
    let bytes = read(data, BYTES).filter(is_possible)?;
    let direction = match (from, to) {
        (CPU, CPU) => 3,
        (CPU, _) => 0,
        (_, CPU) => 1,
        _ => 2,
    };
    add(&mut events.migrated[direction], bytes);
    Some(())
}

#[inline(always)]
fn processor(data: *const u8, offset: usize) -> Option<u32> {
    read(data, offset).filter(|processor| *processor < PROCESSORS)
}

#[inline(always)]
fn read<T>(data: *const u8, offset: usize) -> Option<T> {
    // SAFETY: the helper checks the address.
    unsafe { bpf_probe_read_kernel(data.wrapping_add(offset).cast()) }.ok()
}
