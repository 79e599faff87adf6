//! Resets sent and received.

use core::ffi::c_void;

use aya_ebpf::btf_maps::PerCpuArray;
use aya_ebpf::macros::btf_map;
use geophone_ebpf::access::{Access, Copied};
use geophone_ebpf::argument::argument;
use geophone_ebpf::declare;
use geophone_ebpf::observe::add;

use crate::family::{FAMILIES, IPV4, IPV6, of_socket};

declare! {
    PACKET_PROTOCOL: u16 = "field sk_buff.protocol";
}

const ETH_P_IP: u16 = 0x0800_u16.to_be();
const ETH_P_IPV6: u16 = 0x86dd_u16.to_be();

#[repr(C)]
pub struct Resets {
    resets: [u64; FAMILIES],
}

#[btf_map]
static RESETS_SENT: PerCpuArray<Resets, 1> = PerCpuArray::new();

#[btf_map]
static RESETS_RECEIVED: PerCpuArray<Resets, 1> = PerCpuArray::new();

/// `tcp_send_reset(const struct sock *sk, const struct sk_buff *skb, [reason])`. The packet is
/// the one that is answered; it is null where a socket is aborted, and the socket is null
/// where none was found.
///
/// Always through the copying helper, which refuses a null pointer at run time: verifiers from
/// 6.2 to 6.12 take both arguments for never null and drop a program's own test for it.
#[inline(always)]
pub fn sent(context: *mut c_void) -> i32 {
    // SAFETY: the tracepoint has these two arguments on every kernel since 4.16; a null skb
    // reads as zero, which is no protocol.
    let family = unsafe {
        match Copied::read(&PACKET_PROTOCOL, argument(context, 1) as *const u8) {
            ETH_P_IP => IPV4,
            ETH_P_IPV6 => IPV6,
            _ => of_socket::<Copied>(argument(context, 0) as *const u8),
        }
    };
    count(RESETS_SENT.get_ptr_mut(0), family)
}

/// `tcp_receive_reset(struct sock *sk)`, in `tcp_reset()`.
#[inline(always)]
pub fn received<A: Access>(context: *mut c_void) -> i32 {
    // SAFETY: the tracepoint has this one argument.
    let family = unsafe { of_socket::<A>(argument(context, 0) as *const u8) };
    count(RESETS_RECEIVED.get_ptr_mut(0), family)
}

#[inline(always)]
fn count(record: Option<*mut Resets>, family: usize) -> i32 {
    if let Some(record) = record {
        // SAFETY: this CPU's own record of this program.
        let cells = unsafe { &mut (*record).resets };
        if let Some(cell) = cells.get_mut(family) {
            add(cell, 1);
        }
    }
    0
}
