//! What a change of a socket's state says about its connection.

use core::ffi::c_void;

use geophone_ebpf::argument::argument;

use crate::socket::Sockets;
use crate::started::{ACTIVE, PASSIVE, forget};
use crate::{close, open};

pub const ESTABLISHED: u32 = 1;
const SYN_SENT: u32 = 2;
const SYN_RECV: u32 = 3;
pub const CLOSE: u32 = 7;
const LISTEN: u32 = 10;

/// `inet_sock_set_state(const struct sock *sk, const int oldstate, const int newstate)`,
/// before the state is stored. Other protocols pass here too.
#[inline(always)]
pub fn changed<A: Sockets>(context: *mut c_void) -> i32 {
    // SAFETY: the tracepoint has these three arguments on every kernel since 4.16.
    let (sk, old, new) = unsafe {
        (
            argument(context, 0) as *const u8,
            argument(context, 1) as u32,
            argument(context, 2) as u32,
        )
    };
    // Between ESTABLISHED and CLOSE nothing is measured.
    if !matches!(old, SYN_SENT | SYN_RECV) && !matches!(new, SYN_SENT | SYN_RECV | CLOSE) {
        return 0;
    }
    // SAFETY: only full sockets change their state here.
    let tcp = unsafe { A::tcp_sock(sk) };
    if tcp.is_null() {
        return 0;
    }
    // SAFETY: a tcp_sock whose lock the caller of the tracepoint holds.
    unsafe {
        match (old, new) {
            // tcp_v4_connect(), tcp_v6_connect(): the addresses are set.
            (_, SYN_SENT) => open::attempted::<A>(tcp),
            // A simultaneous open, tcp_rcv_synsent_state_process(): still undecided.
            (SYN_SENT, SYN_RECV) => {}
            (_, SYN_RECV) => open::cloned(tcp),
            (SYN_SENT, _) => open::decided::<A>(tcp, ACTIVE, new),
            (SYN_RECV, _) => open::decided::<A>(tcp, PASSIVE, new),
            (CLOSE | LISTEN, _) => return 0,
            _ => close::ended::<A>(tcp),
        }
        if new == CLOSE {
            forget(tcp);
        }
    }
    0
}
