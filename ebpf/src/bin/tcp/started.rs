//! When the connections that are open now were started: the one thing the kernel forgets.

use aya_ebpf::btf_maps::HashMap;
use aya_ebpf::macros::btf_map;

/// Positions in the label `direction`.
pub const ACTIVE: usize = 0;
pub const PASSIVE: usize = 1;
pub const DIRECTIONS: usize = 2;

#[repr(C)]
pub struct SocketKey {
    socket: u64,
}

#[repr(C)]
pub struct Start {
    /// The time in nanoseconds; its lowest bit is the direction.
    since: u64,
    /// Segments that were retransmitted before there was a socket: the server's SYN-ACKs.
    retransmitted: u64,
}

#[btf_map]
static STARTED: HashMap<SocketKey, Start, 8192> = HashMap::new();

/// A connection that was found.
#[derive(Clone, Copy)]
pub struct Started {
    entry: *mut Start,
    pub since: u64,
    pub direction: usize,
    pub retransmitted: u32,
}

impl Started {
    /// Starts the clock again, at the end of the handshake.
    #[inline(always)]
    pub fn restart(self, now: u64, retransmitted: u32) {
        // SAFETY: the entry lives while its socket does, and only the one that holds the
        // socket's lock changes its state.
        let entry = unsafe { &mut *self.entry };
        entry.since = now & !1 | self.direction as u64;
        entry.retransmitted = retransmitted.into();
    }
}

/// Remembers the start of a connection; false where the table is full. Overwrites what a
/// former socket at the same address left, should its end have been missed.
#[inline(always)]
pub fn remember(socket: *const u8, now: u64, direction: usize) -> bool {
    let since = now & !1 | direction as u64;
    STARTED
        .insert(
            SocketKey {
                socket: socket as u64,
            },
            Start {
                since,
                retransmitted: 0,
            },
            0,
        )
        .is_ok()
}

/// Looks a connection up.
#[inline(always)]
pub fn find(socket: *const u8) -> Option<Started> {
    let entry = STARTED.get_ptr_mut(SocketKey {
        socket: socket as u64,
    })?;
    // SAFETY: as in restart().
    let start = unsafe { &*entry };
    Some(Started {
        entry,
        since: start.since & !1,
        direction: (start.since & 1) as usize,
        retransmitted: start.retransmitted as u32,
    })
}

/// Forgets a connection.
#[inline(always)]
pub fn forget(socket: *const u8) {
    // An entry that is not there is as good as removed.
    let _ = STARTED.remove(SocketKey {
        socket: socket as u64,
    });
}
