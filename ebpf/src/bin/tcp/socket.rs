//! From the socket of a tracepoint to its `struct tcp_sock`.

use core::ptr;

use aya_ebpf::helpers::generated::bpf_skc_to_tcp_sock;
use geophone_ebpf::access::{Access, Copied, Direct};
use geophone_ebpf::declare;

declare! {
    PROTOCOL: u16 = "field sock.sk_protocol";
}

const IPPROTO_TCP: u16 = 6;

/// Access to the members of `struct tcp_sock` behind a `struct sock`.
pub trait Sockets: Access {
    /// The socket as a `tcp_sock`; null where it is another protocol's, MPTCP's for one.
    ///
    /// # Safety
    ///
    /// `sk` is a full socket that the tracepoint handed over.
    unsafe fn tcp_sock(sk: *const u8) -> *const u8;
}

impl Sockets for Direct {
    /// The helper gives the pointer the type by which the verifier allows the larger offsets.
    #[inline(always)]
    unsafe fn tcp_sock(sk: *const u8) -> *const u8 {
        // SAFETY: the caller's.
        unsafe {
            bpf_skc_to_tcp_sock(sk.cast_mut().cast())
                .cast_const()
                .cast()
        }
    }
}

impl Sockets for Copied {
    #[inline(always)]
    unsafe fn tcp_sock(sk: *const u8) -> *const u8 {
        // SAFETY: the caller's.
        if unsafe { Self::read(&PROTOCOL, sk) } == IPPROTO_TCP {
            sk
        } else {
            ptr::null()
        }
    }
}
