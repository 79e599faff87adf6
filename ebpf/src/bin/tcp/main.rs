//! TCP: retransmitted segments, resets, and connections from their opening to their end.
//!
//! The socket already counts what its connection sent, received and repeated, and it already
//! measured its round trips: one program reads them as the socket closes. All that a probe
//! has to remember between two events is when a connection was opened.

#![no_std]
#![no_main]

use aya_ebpf::EbpfContext as _;
use aya_ebpf::macros::{btf_tracepoint, raw_tracepoint};
use aya_ebpf::programs::{BtfTracePointContext, RawTracePointContext};
use geophone_ebpf::access::{Copied, Direct};
use geophone_ebpf::option;

mod close;
mod family;
mod open;
mod reset;
mod retransmit;
mod socket;
mod started;
mod state;

geophone_ebpf::probe_object!();

option!(SCHEMA: u32 = 3);

#[btf_tracepoint(function = "tcp_retransmit_skb")]
pub fn tcp_retransmit_skb(context: BtfTracePointContext) -> i32 {
    retransmit::segments::<Direct>(context.as_ptr())
}

#[raw_tracepoint(tracepoint = "tcp_retransmit_skb")]
pub fn tcp_retransmit_skb_raw(context: RawTracePointContext) -> i32 {
    retransmit::segments::<Copied>(context.as_ptr())
}

#[btf_tracepoint(function = "tcp_retransmit_synack")]
pub fn tcp_retransmit_synack(context: BtfTracePointContext) -> i32 {
    retransmit::syn_ack::<Direct>(context.as_ptr())
}

#[raw_tracepoint(tracepoint = "tcp_retransmit_synack")]
pub fn tcp_retransmit_synack_raw(context: RawTracePointContext) -> i32 {
    retransmit::syn_ack::<Copied>(context.as_ptr())
}

#[btf_tracepoint(function = "inet_sock_set_state")]
pub fn inet_sock_set_state(context: BtfTracePointContext) -> i32 {
    state::changed::<Direct>(context.as_ptr())
}

#[raw_tracepoint(tracepoint = "inet_sock_set_state")]
pub fn inet_sock_set_state_raw(context: RawTracePointContext) -> i32 {
    state::changed::<Copied>(context.as_ptr())
}

#[raw_tracepoint(tracepoint = "tcp_send_reset")]
pub fn tcp_send_reset_raw(context: RawTracePointContext) -> i32 {
    reset::sent(context.as_ptr())
}

#[btf_tracepoint(function = "tcp_receive_reset")]
pub fn tcp_receive_reset(context: BtfTracePointContext) -> i32 {
    reset::received::<Direct>(context.as_ptr())
}

#[raw_tracepoint(tracepoint = "tcp_receive_reset")]
pub fn tcp_receive_reset_raw(context: RawTracePointContext) -> i32 {
    reset::received::<Copied>(context.as_ptr())
}
