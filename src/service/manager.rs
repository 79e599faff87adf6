use std::env;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram as Socket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::net::UnixDatagram;
use tracing::warn;

/// The variable that names the socket on which the manager listens.
const SOCKET: &str = "NOTIFY_SOCKET";

/// How long a message may take. A manager that does not read shall hold up no scrape, and no
/// end of the process.
const PATIENCE: Duration = Duration::from_millis(100);

/// The most bytes of a status: systemd drops a message of more than 4,096 as a whole
/// (`NOTIFY_BUFFER_MAX`), with what else is in it.
const MAX_STATUS: usize = 1024;

/// The manager that started this process and listens to it.
#[derive(Debug)]
pub struct Manager {
    socket: OsString,
    watchdog: Option<Duration>,
    /// Whether a message was lost before: the second is not news.
    complained: AtomicBool,
}

impl Manager {
    /// None where none listens.
    pub fn of_environment() -> Option<Self> {
        let socket = env::var_os(SOCKET).filter(|socket| !socket.is_empty())?;
        Some(Self {
            socket,
            watchdog: sd_notify::watchdog_enabled().filter(|limit| !limit.is_zero()),
            complained: AtomicBool::new(false),
        })
    }

    /// After how long without [`Self::alive`] it takes the process for hung and kills it, if it
    /// ever does (`WatchdogSec=`).
    pub fn watchdog(&self) -> Option<Duration> {
        self.watchdog
    }

    /// The start is done: what waits for this service may begin.
    pub async fn ready(&self, status: &str) {
        self.tell(Some(NotifyState::Ready), status).await;
    }

    /// The process does its work.
    pub async fn alive(&self, status: &str) {
        self.tell(Some(NotifyState::Watchdog), status).await;
    }

    /// The status is another than before.
    pub async fn changed(&self, status: &str) {
        self.tell(None, status).await;
    }

    /// The process is about to end as it should.
    pub async fn stopping(&self) {
        self.tell(Some(NotifyState::Stopping), "stopping").await;
    }

    async fn tell(&self, state: Option<NotifyState<'_>>, status: &str) {
        let end = status.floor_char_boundary(MAX_STATUS);
        let status = NotifyState::Status(status.get(..end).unwrap_or_default());
        let lines = state.iter().chain([&status]).map(ToString::to_string);
        let send = send(&self.socket, lines.collect::<Vec<_>>().join("\n"));
        let sent = tokio::time::timeout(PATIENCE, send).await;
        let error = match sent {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error,
            Err(_) => io::Error::new(io::ErrorKind::TimedOut, "it does not read"),
        };
        if !self.complained.swap(true, Ordering::Relaxed) {
            warn!(
                socket = %self.socket.display(),
                "cannot tell the service manager how this service is: {error}; it may take it for hung (see {SOCKET}, and Type= and WatchdogSec= of the unit)"
            );
        }
    }
}

/// Each message by a socket of its own: the manager may have been started anew since the last.
async fn send(name: &OsStr, message: String) -> io::Result<()> {
    let socket = Socket::unbound()?;
    socket.connect_addr(&address(name)?)?;
    socket.set_nonblocking(true)?;
    let socket = UnixDatagram::from_std(socket)?;
    // A datagram is sent whole or not at all (unix(7)).
    socket.send(message.as_bytes()).await.map(|_| ())
}

/// A path, or a name in the abstract name space behind an `@`.
fn address(name: &OsStr) -> io::Result<SocketAddr> {
    match name.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name),
        None => SocketAddr::from_pathname(name),
    }
}
