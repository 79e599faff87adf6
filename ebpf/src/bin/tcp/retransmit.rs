//! Retransmitted segments, as the kernel counts them in `RetransSegs`.

use core::ffi::c_void;

use aya_ebpf::btf_maps::PerCpuArray;
use aya_ebpf::macros::btf_map;
use geophone_ebpf::access::Access;
use geophone_ebpf::argument::argument;
use geophone_ebpf::declare;
use geophone_ebpf::observe::add;

use crate::family::{FAMILIES, of_socket};
use crate::socket::Sockets;

declare! {
    CONTROL = "field sk_buff.cb";
    SEGMENTS: u16 = "field tcp_skb_cb.tcp_gso_segs";
    RETRANSMIT_STATE: u8 = "field sock_common.skc_state";
    CONGESTION = "bitfield inet_connection_sock.icsk_ca_state";
    PENDING: u8 = "field inet_connection_sock.icsk_pending";
    ERROR = "optional argument tcp_retransmit_skb int";
}

/// Positions in the label `reason`.
const SYN: usize = 0;
const SYN_ACK: usize = 1;
const FAST: usize = 2;
const RTO: usize = 3;
const TAIL_LOSS_PROBE: usize = 4;
const OTHER: usize = 5;
const REASONS: usize = 6;

const TCP_SYN_SENT: u8 = 2;
const TCP_SYN_RECV: u8 = 3;
const TCP_CA_RECOVERY: u32 = 3;
const TCP_CA_LOSS: u32 = 4;
const ICSK_TIME_LOSS_PROBE: u8 = 5;

const ENOMEM: i32 = -12;
const EAGAIN: i32 = -11;
const EBUSY: i32 = -16;
const EINVAL: i32 = -22;
const EHOSTUNREACH: i32 = -113;

/// The cells of `SYN_ACK` are [`syn_ack`]'s, all others [`segments`]'s.
#[repr(C)]
pub struct Retransmits {
    segments: [u64; FAMILIES * REASONS],
}

#[btf_map]
static RETRANSMITS: PerCpuArray<Retransmits, 1> = PerCpuArray::new();

/// `tcp_retransmit_skb(const struct sock *sk, const struct sk_buff *skb, [int err])`, at the
/// end of `__tcp_retransmit_skb()`.
#[inline(always)]
pub fn segments<A: Sockets>(context: *mut c_void) -> i32 {
    // SAFETY: the tracepoint has the argument where the declaration was found.
    if ERROR.found() && !was_counted(unsafe { argument(context, ERROR.get()) } as i32) {
        return 0;
    }
    // SAFETY: the tracepoint has these two arguments on every kernel since 4.16.
    let (sk, skb) = unsafe {
        (
            argument(context, 0) as *const u8,
            argument(context, 1) as *const u8,
        )
    };
    // SAFETY: only a full socket retransmits.
    let tcp = unsafe { A::tcp_sock(sk) };
    if tcp.is_null() {
        return 0;
    }
    // SAFETY: tcp is a tcp_sock, which begins with the connection's and the common socket, and
    // the control block of a packet in TCP's queues is a tcp_skb_cb.
    let (family, reason, segments) = unsafe {
        let control = skb.wrapping_add(CONTROL.get() as usize);
        (
            of_socket::<A>(tcp),
            reason::<A>(tcp),
            A::read(&SEGMENTS, control),
        )
    };
    count(family, reason, u64::from(segments))
}

/// `tcp_retransmit_synack(const struct sock *sk, const struct request_sock *req)`, in
/// `tcp_rtx_synack()` next to the one it adds to `RetransSegs`.
#[inline(always)]
pub fn syn_ack<A: Access>(context: *mut c_void) -> i32 {
    // SAFETY: the tracepoint has this argument, which begins with a sock_common.
    let family = unsafe { of_socket::<A>(argument(context, 1) as *const u8) };
    count(family, SYN_ACK, 1)
}

/// Whether `__tcp_retransmit_skb()` came to its statistics. Kernels that pass the error trace
/// the early ways out too: the packet still in a queue of the host, no room in the window, no
/// memory to split it, no route. Later errors (a packet filter, a full device queue) have
/// other values, and kernels without the argument trace neither.
#[inline(always)]
fn was_counted(error: i32) -> bool {
    !matches!(error, EBUSY | EAGAIN | ENOMEM | EINVAL | EHOSTUNREACH)
}

/// Why the socket repeats a segment, by the state it is in while it does:
/// `tcp_retransmit_timer()` enters `TCP_CA_Loss` first, `tcp_xmit_retransmit_queue()` runs in
/// Recovery or Loss, and `tcp_write_timer_handler()` leaves the probe timer pending until
/// `tcp_send_loss_probe()` has sent.
#[inline(always)]
unsafe fn reason<A: Access>(tcp: *const u8) -> usize {
    // SAFETY: the caller's tcp_sock.
    unsafe {
        // A full socket in SYN_RECV repeats only after a simultaneous open; the SYN-ACKs of
        // servers, fast open included, belong to requests.
        if matches!(A::read(&RETRANSMIT_STATE, tcp), TCP_SYN_SENT | TCP_SYN_RECV) {
            return SYN;
        }
        match A::read_bits(&CONGESTION, tcp) {
            TCP_CA_RECOVERY => FAST,
            TCP_CA_LOSS => RTO,
            _ if A::read(&PENDING, tcp) == ICSK_TIME_LOSS_PROBE => TAIL_LOSS_PROBE,
            _ => OTHER,
        }
    }
}

#[inline(always)]
fn count(family: usize, reason: usize, segments: u64) -> i32 {
    if let Some(record) = RETRANSMITS.get_ptr_mut(0) {
        // SAFETY: this CPU's own record, and the cell is this program's alone.
        let cells = unsafe { &mut (*record).segments };
        if let Some(cell) = cells.get_mut(family * REASONS + reason) {
            add(cell, segments);
        }
    }
    0
}
