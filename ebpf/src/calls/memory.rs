//! Memory that processes hold: what they allocated since the probe came and have not freed.

use aya_ebpf::helpers::bpf_probe_read_user;

use super::in_flight::Entered;
use super::lost::{NO_ROOM, UNREADABLE, lost};
use super::{Call, Maps, Memory, task};

#[repr(C)]
#[derive(Clone, Copy)]
pub struct Allocation {
    process: u32,
    /// Whether it is known by a handle, which may be the number of an address.
    is_handle: u32,
    address: u64,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct Held {
    /// Start of the process, whose number may have been another's before.
    started: u64,
    bytes: u64,
    /// Position in the label `kind`.
    kind: u64,
}

/// Takes out what a call is about to free; the bytes and, from 1, the kind of what that was.
///
/// At the entry: once the driver has freed it, another thread may be given the same address
/// before the call returns.
#[inline(always)]
pub fn release<A: Maps>(call: Call, address: u64) -> [u64; 2] {
    if !call.memory().is_freed() {
        return [0; 2];
    }
    let Some(allocations) = A::allocations() else {
        return [0; 2];
    };
    let key = key(call, address);
    // SAFETY: copied at once. Only a thread that frees the same takes it out at this moment.
    let Some(held) = (unsafe { allocations.get(key) }).copied() else {
        return [0; 2];
    };
    if allocations.remove(key).is_err() || held.started != A::process_start() {
        return [0; 2];
    }
    [held.bytes, held.kind + 1]
}

/// Takes in what a call that has returned allocated; puts back what it could not free. Gives
/// the bytes that were allocated.
#[inline(always)]
pub fn settle<A: Maps>(call: Call, entered: &Entered, failed: bool) -> u64 {
    let memory = call.memory();
    if memory.is_freed() {
        match (failed, entered.detail) {
            (true, 0) => {}
            (true, kind) => hold::<A>(call, entered.address, entered.bytes, kind - 1),
            // To free nothing is no mistake.
            (false, 0) if entered.address != 0 => lost::<A>(|lost| &mut lost.unmatched_frees),
            (false, _) => {}
        }
        return 0;
    }
    if failed || !memory.is_allocated() {
        return 0;
    }
    let (address, pitch) = match memory {
        Memory::REGISTERED => (Some(entered.address), Some(1)),
        Memory::PITCHED => (read(entered.address), read(entered.detail)),
        _ => (read(entered.address), Some(1)),
    };
    let (Some(address), Some(pitch)) = (address, pitch) else {
        lost::<A>(|lost| &mut lost.untracked_allocations[UNREADABLE]);
        return 0;
    };
    let bytes = entered.bytes.wrapping_mul(pitch);
    hold::<A>(call, address, bytes, call.kind() as u64);
    bytes
}

#[inline(always)]
fn hold<A: Maps>(call: Call, address: u64, bytes: u64, kind: u64) {
    let held = Held {
        started: A::process_start(),
        bytes,
        kind,
    };
    let Some(allocations) = A::allocations() else {
        return;
    };
    if allocations.insert(key(call, address), &held, 0).is_err() {
        lost::<A>(|lost| &mut lost.untracked_allocations[NO_ROOM]);
    }
}

#[inline(always)]
fn key(call: Call, address: u64) -> Allocation {
    Allocation {
        process: task::process(),
        is_handle: u32::from(call.memory().is_handle()),
        address,
    }
}

/// What the callee wrote for its caller. Its page may be gone since.
#[inline(always)]
fn read(address: u64) -> Option<u64> {
    // SAFETY: the helper checks the address.
    unsafe { bpf_probe_read_user(address as *const u64) }.ok()
}
