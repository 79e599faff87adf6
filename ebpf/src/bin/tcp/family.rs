//! The address family of what goes over the wire.

use geophone_ebpf::access::Access;
use geophone_ebpf::declare;

declare! {
    FAMILY: u16 = "field sock_common.skc_family";
    V6_PEER = "optional field sock_common.skc_v6_daddr";
}

/// Positions in the label `family`.
pub const IPV4: usize = 0;
pub const IPV6: usize = 1;
pub const FAMILIES: usize = 2;

const AF_INET6: u16 = 10;
/// Bytes 8 to 11 of an IPv4 address in IPv6 clothes, `::ffff:a.b.c.d`.
const V4_MAPPED: u32 = 0xffff_u32.to_be();

/// The family of the packets of a socket or of a request for one. A dual-stack server's
/// sockets are all of `AF_INET6`, and those of its IPv4 clients have a mapped peer address.
///
/// # Safety
///
/// `sk` points to a structure that begins with `struct sock_common`.
#[inline(always)]
pub unsafe fn of_socket<A: Access>(sk: *const u8) -> usize {
    // SAFETY: the caller's; an IPv6 address is 16 bytes.
    unsafe {
        if A::read(&FAMILY, sk) != AF_INET6 {
            return IPV4;
        }
        if V6_PEER.found()
            && A::read_part::<u64, _>(&V6_PEER, sk) == 0
            && A::read_part::<u32, _>(&V6_PEER, sk.wrapping_add(8)) == V4_MAPPED
        {
            return IPV4;
        }
    }
    IPV6
}
