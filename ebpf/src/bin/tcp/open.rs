//! Connections opened, failed and established.

use aya_ebpf::btf_maps::PerCpuArray;
use aya_ebpf::helpers::bpf_ktime_get_ns;
use aya_ebpf::macros::btf_map;
use geophone_ebpf::Histogram;
use geophone_ebpf::access::Access;
use geophone_ebpf::bounded::sum;
use geophone_ebpf::declare;
use geophone_ebpf::observe::{add, observe_nanoseconds};

use crate::SCHEMA;
use crate::family::{FAMILIES, of_socket};
use crate::started::{ACTIVE, DIRECTIONS, PASSIVE, find, remember};
use crate::state::{CLOSE, ESTABLISHED};

declare! {
    SYN_ACK_RTT: u32 = "field tcp_sock.srtt_us";
    SYN_ACK_RETRANSMITS: u32 = "field tcp_sock.total_retrans";
}

/// Family by direction.
const CELLS: usize = FAMILIES * DIRECTIONS;

#[repr(C)]
pub struct Opens {
    opened: [u64; CELLS],
    failed: [u64; CELLS],
    handshake: [Histogram; CELLS],
    untracked: u64,
}

#[btf_map]
static OPENS: PerCpuArray<Opens, 1> = PerCpuArray::new();

/// A connection is attempted from here.
#[inline(always)]
pub unsafe fn attempted<A: Access>(tcp: *const u8) {
    track(tcp, ACTIVE);
    if let Some(record) = OPENS.get_ptr_mut(0) {
        // SAFETY: the caller's tcp_sock; this CPU's own record.
        let (cell, record) = unsafe { (cell(of_socket::<A>(tcp), ACTIVE), &mut *record) };
        if let Some(opened) = record.opened.get_mut(cell) {
            add(opened, 1);
        }
    }
}

/// `inet_csk_clone_lock()` made the socket of a connection from elsewhere. In many kernels (6.12
/// for one) it still has the listener's addresses here, so its family shows, and it is counted,
/// when it is decided: within the same packet's processing, but for fast open.
#[inline(always)]
pub fn cloned(tcp: *const u8) {
    track(tcp, PASSIVE);
}

#[inline(always)]
fn track(tcp: *const u8, direction: usize) {
    // SAFETY: the helper has no preconditions.
    if !remember(tcp, unsafe { bpf_ktime_get_ns() }, direction)
        && let Some(record) = OPENS.get_ptr_mut(0)
    {
        // SAFETY: this CPU's own record.
        add(unsafe { &mut (*record).untracked }, 1);
    }
}

/// The place of a family and a direction.
#[inline(always)]
fn cell(family: usize, direction: usize) -> usize {
    sum(family * DIRECTIONS, direction)
}

/// The handshake is over, for the state `new`. A socket that leaves `SYN_RECV` is passive
/// unless it was seen to connect.
#[inline(always)]
pub unsafe fn decided<A: Access>(tcp: *const u8, untracked_direction: usize, new: u32) {
    let started = find(tcp);
    // Known either way: a register that is set on one way only is refused by 6.1 and before.
    let (since, direction) = started.map_or((0, untracked_direction), |started| {
        (started.since, started.direction)
    });
    let Some(record) = OPENS.get_ptr_mut(0) else {
        return;
    };
    // SAFETY: the caller's tcp_sock; this CPU's own record.
    let (cell, record) = unsafe { (cell(of_socket::<A>(tcp), direction), &mut *record) };
    if direction == PASSIVE
        && let Some(opened) = record.opened.get_mut(cell)
    {
        add(opened, 1);
    }
    if new == CLOSE {
        if let Some(failed) = record.failed.get_mut(cell) {
            add(failed, 1);
        }
        return;
    }

    // SAFETY: the helper has no preconditions.
    let now = unsafe { bpf_ktime_get_ns() };
    // A server's handshake began with a request, before there was a socket. The kernel took
    // its time as the first sample of the round trip, in eighths of a microsecond:
    // tcp_synack_rtt_meas().
    let handshake = if direction == PASSIVE {
        // SAFETY: the caller's tcp_sock.
        u64::from(unsafe { A::read(&SYN_ACK_RTT, tcp) } >> 3) * 1_000
    } else if since == 0 {
        0
    } else {
        now.wrapping_sub(since)
    };
    if new == ESTABLISHED
        && handshake != 0
        && let Some(histogram) = record.handshake.get_mut(cell)
    {
        observe_nanoseconds(histogram, handshake, SCHEMA.load());
    }
    if let Some(started) = started {
        // tcp_create_openreq_child() starts the socket's count with the request's.
        let before = if direction == PASSIVE {
            // SAFETY: the caller's tcp_sock.
            unsafe { A::read(&SYN_ACK_RETRANSMITS, tcp) }
        } else {
            0
        };
        started.restart(now, before);
    }
}
