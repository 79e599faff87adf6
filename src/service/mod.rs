//! What a service manager wants to hear of the daemon and has ready for it, by the protocols
//! of systemd: sd_notify(3), sd_watchdog_enabled(3), sd_listen_fds(3). Without one that speaks
//! them nothing of this does anything.

mod liveness;
mod manager;
mod sockets;

pub use liveness::{Sweeps, attend};
pub use manager::Manager;
pub use sockets::{SocketError, are_handed_over, listeners};
