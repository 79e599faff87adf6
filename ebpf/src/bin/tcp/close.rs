//! Connections that ended, and what their sockets counted.

use aya_ebpf::btf_maps::PerCpuArray;
use aya_ebpf::helpers::bpf_ktime_get_ns;
use aya_ebpf::macros::btf_map;
use geophone_ebpf::Histogram;
use geophone_ebpf::access::Access;
use geophone_ebpf::declare;
use geophone_ebpf::observe::{add, observe_bytes, observe_long, observe_nanoseconds};

use crate::SCHEMA;
use crate::family::{FAMILIES, of_socket};
use crate::started::find;

declare! {
    SMOOTHED_RTT: u32 = "field tcp_sock.srtt_us";
    BYTES_SENT: u64 = "field tcp_sock.bytes_sent";
    BYTES_RETRANSMITTED: u64 = "field tcp_sock.bytes_retrans";
    BYTES_RECEIVED: u64 = "field tcp_sock.bytes_received";
    SENT_SEGMENTS: u32 = "field tcp_sock.segs_out";
    RETRANSMITTED_SEGMENTS: u32 = "field tcp_sock.total_retrans";
    SOCKET_FLAGS: u64 = "field sock_common.skc_flags";
    SOCK_DONE = "enumerator sock_flags.SOCK_DONE";
}

/// What one address family's connections came to.
#[repr(C)]
pub struct Closes {
    closed: [u64; FAMILIES],
    sent_segments: [u64; FAMILIES],
    retransmitted_segments: [u64; FAMILIES],
    duration: [Histogram; FAMILIES],
    smoothed_rtt: [Histogram; FAMILIES],
    sent: [Histogram; FAMILIES],
    received: [Histogram; FAMILIES],
}

#[btf_map]
static CLOSES: PerCpuArray<Closes, 1> = PerCpuArray::new();

/// An established connection ended. `tcp_disconnect()` clears the socket's numbers only after
/// this.
#[inline(always)]
pub unsafe fn ended<A: Access>(tcp: *const u8) {
    let Some(record) = CLOSES.get_ptr_mut(0) else {
        return;
    };
    // SAFETY: this CPU's own record.
    let record = unsafe { &mut *record };
    let schema = SCHEMA.load();
    // SAFETY: the caller's tcp_sock.
    let family = unsafe { of_socket::<A>(tcp) };
    count(&mut record.closed, family, 1);

    let mut before = 0;
    if let Some(started) = find(tcp)
        && let Some(histogram) = record.duration.get_mut(family)
    {
        // SAFETY: the helper has no preconditions.
        let now = unsafe { bpf_ktime_get_ns() };
        observe_long(histogram, now.wrapping_sub(started.since), schema);
        before = started.retransmitted;
    }
    // SAFETY: the caller's tcp_sock.
    let (smoothed_rtt, sent, received, segments, retransmitted) = unsafe {
        (
            A::read(&SMOOTHED_RTT, tcp),
            A::read(&BYTES_SENT, tcp).saturating_sub(A::read(&BYTES_RETRANSMITTED, tcp)),
            received::<A>(tcp),
            A::read(&SENT_SEGMENTS, tcp),
            A::read(&RETRANSMITTED_SEGMENTS, tcp),
        )
    };
    count(&mut record.sent_segments, family, u64::from(segments));
    count(
        &mut record.retransmitted_segments,
        family,
        u64::from(retransmitted.saturating_sub(before)),
    );
    if smoothed_rtt != 0
        && let Some(histogram) = record.smoothed_rtt.get_mut(family)
    {
        // In eighths of a microsecond.
        observe_nanoseconds(histogram, u64::from(smoothed_rtt) * 125, schema);
    }
    if let Some(histogram) = record.sent.get_mut(family) {
        observe_bytes(histogram, sent, schema);
    }
    if let Some(histogram) = record.received.get_mut(family) {
        observe_bytes(histogram, received, schema);
    }
}

/// The bytes that arrived in order. The kernel's count includes the number that the FIN takes
/// in the sequence, and `tcp_fin()` notes the FIN as `SOCK_DONE`.
#[inline(always)]
unsafe fn received<A: Access>(tcp: *const u8) -> u64 {
    // SAFETY: the caller's tcp_sock.
    let (bytes, flags) = unsafe { (A::read(&BYTES_RECEIVED, tcp), A::read(&SOCKET_FLAGS, tcp)) };
    bytes.saturating_sub(flags >> (SOCK_DONE.get() & 63) & 1)
}

#[inline(always)]
fn count(cells: &mut [u64; FAMILIES], family: usize, amount: u64) {
    if let Some(cell) = cells.get_mut(family) {
        add(cell, amount);
    }
}
