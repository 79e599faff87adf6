use std::io;
use std::net::TcpListener;

use socket2::{Domain, Socket, Type};
use thiserror::Error;

use crate::kernel::handed_over;

/// Why there is nothing to listen on.
#[derive(Debug, Error)]
pub enum SocketError {
    #[error(
        "web.systemd_socket: the service manager has handed over no socket: start geophone.socket (`systemctl start geophone.socket`), or set web.systemd_socket to false to listen on web.listen_addresses"
    )]
    None,
    #[error(
        "web.systemd_socket: what the service manager says of the sockets that it hands over (LISTEN_FDS and LISTEN_PID) is not so: {0}; have it hand them over as sd_listen_fds(3) describes"
    )]
    Untrue(io::Error),
    #[error(
        "web.systemd_socket: descriptor {number}, which the service manager has handed over, is no TCP socket that listens: {source}; have the socket unit contain ListenStream=PORT and Accept=no"
    )]
    Unfit { number: i32, source: io::Error },
}

/// Whether the service manager has sockets for this process.
pub fn are_handed_over() -> bool {
    sd_notify::listen_fds().is_ok_and(|sockets| sockets.len() > 0)
}

/// The sockets that the service manager listens on for this process, in the order in which the
/// socket unit names them. They are given once.
///
/// # Errors
///
/// There is none, or one that no HTTP is spoken on.
pub fn listeners() -> Result<Vec<TcpListener>, SocketError> {
    let sockets = handed_over().map_err(SocketError::Untrue)?;
    if sockets.is_empty() {
        return Err(SocketError::None);
    }
    let listener = |(number, descriptor)| {
        let socket = Socket::from(descriptor);
        match check(&socket) {
            Ok(()) => Ok(socket.into()),
            Err(source) => Err(SocketError::Unfit { number, source }),
        }
    };
    sockets.into_iter().map(listener).collect()
}

fn check(socket: &Socket) -> io::Result<()> {
    let what = |what| Err(io::Error::new(io::ErrorKind::InvalidInput, what));
    if ![Domain::IPV4, Domain::IPV6].contains(&socket.local_addr()?.domain()) {
        return what("it has no IP address");
    }
    if socket.r#type()? != Type::STREAM {
        return what("it takes packets");
    }
    if !socket.is_listener()? {
        return what("it is connected, or not bound");
    }
    Ok(())
}
