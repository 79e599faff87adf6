use std::io;
use std::net::TcpListener;

use listenfd::ListenFd;
use socket2::SockRef;
use thiserror::Error;

/// Why there is nothing to listen on.
#[derive(Debug, Error)]
pub enum SocketError {
    #[error(
        "web.systemd_socket: the service manager has handed over no socket: start geophone.socket (`systemctl start geophone.socket`), or set web.systemd_socket to false to listen on web.listen_addresses"
    )]
    None,
    #[error(
        "web.systemd_socket: descriptor {number}, which the service manager has handed over, is no TCP socket that listens: {source}; have the socket unit contain ListenStream=PORT and Accept=no"
    )]
    Unfit { number: usize, source: io::Error },
}

/// The first descriptor that is handed over (`SD_LISTEN_FDS_START`, sd_listen_fds(3)).
const FIRST: usize = 3;

/// The sockets that the service manager listens on for this process, in the order in which the
/// socket unit names them. They are given once.
///
/// # Errors
///
/// There is none, or one that no HTTP is spoken on.
pub fn handed_over() -> Result<Vec<TcpListener>, SocketError> {
    let mut sockets = ListenFd::from_env();
    let count = sockets.len();
    let take = |index| {
        take(&mut sockets, index).map_err(|source| SocketError::Unfit {
            number: FIRST + index,
            source,
        })
    };
    let listeners: Vec<TcpListener> = (0..count).map(take).collect::<Result<_, _>>()?;
    if listeners.is_empty() {
        return Err(SocketError::None);
    }
    Ok(listeners)
}

fn take(sockets: &mut ListenFd, index: usize) -> io::Result<TcpListener> {
    let listener = sockets.take_tcp_listener(index)?;
    let listener = listener.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
    if !SockRef::from(&listener).is_listener()? {
        let what = "it is connected, or not bound";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
    }
    Ok(listener)
}
