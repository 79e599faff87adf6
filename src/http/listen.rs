//! Listening sockets.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};
use thiserror::Error;

use super::limits::BACKLOG;

/// Why the server cannot listen.
#[derive(Debug, Error)]
pub enum BindError {
    #[error("no address to listen on: set web.listen_addresses or --web.listen-address")]
    NoAddress,
    #[error(
        "address in use: another process listens on {0} (`ss -ltnp 'sport = :{port}'` shows which); stop it, or set web.listen_addresses or --web.listen-address to a free port", port = .0.port()
    )]
    InUse(SocketAddr),
    #[error(
        "not allowed to listen on {0}: ports below 1024 need CAP_NET_BIND_SERVICE; grant it, or set web.listen_addresses or --web.listen-address to a higher port"
    )]
    Denied(SocketAddr),
    #[error(
        "this machine has no address {ip}: set web.listen_addresses or --web.listen-address to one that `ip address` lists, or to [::]:{port} for all", ip = .0.ip(), port = .0.port()
    )]
    NotLocal(SocketAddr),
    #[error("cannot listen on {address}: {source}")]
    Other {
        address: SocketAddr,
        source: io::Error,
    },
}

impl BindError {
    fn new(address: SocketAddr, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::AddrInUse => Self::InUse(address),
            io::ErrorKind::PermissionDenied => Self::Denied(address),
            io::ErrorKind::AddrNotAvailable => Self::NotLocal(address),
            _ => Self::Other { address, source },
        }
    }
}

/// Sockets that listen. Who connects waits until a [`Server`](super::Server) runs on them.
#[derive(Debug)]
pub struct Listeners(pub(super) Vec<TcpListener>);

impl Listeners {
    /// Listens on every address, or on none. `[::]` takes IPv4 too, unless `0.0.0.0` with the
    /// same port is listed beside it, and becomes `0.0.0.0` where the kernel has no IPv6. Of the
    /// two loopback addresses with one port, which are what `localhost` stands for, one is
    /// enough where the machine lacks the other.
    ///
    /// # Errors
    /// One of the addresses cannot be had.
    pub fn bind(addresses: &[SocketAddr]) -> Result<Self, BindError> {
        Self::bind_with(addresses, open)
    }

    fn bind_with(
        addresses: &[SocketAddr],
        open: impl Fn(SocketAddr, bool) -> io::Result<TcpListener>,
    ) -> Result<Self, BindError> {
        if addresses.is_empty() {
            return Err(BindError::NoAddress);
        }
        let mut listeners = Vec::with_capacity(addresses.len());
        let mut lacking: Vec<SocketAddr> = Vec::new();
        for &address in addresses {
            let all_of_4 = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), address.port());
            let beside_4 = address.port() != 0 && addresses.contains(&all_of_4);
            match open(address, beside_4) {
                Err(error) if is_all_of_6(address) && is_lacking(&error) => {
                    if !beside_4 {
                        let listener = open(all_of_4, false);
                        listeners.push(listener.map_err(|error| BindError::new(all_of_4, error))?);
                    }
                }
                Err(error)
                    if is_lacking(&error)
                        && other_loopback(address).is_some_and(|other| {
                            addresses.contains(&other) && !lacking.contains(&other)
                        }) =>
                {
                    lacking.push(address);
                }
                listener => {
                    listeners.push(listener.map_err(|error| BindError::new(address, error))?);
                }
            }
        }
        Ok(Self(listeners))
    }

    /// Those that somebody else has opened, who says where and how many may wait.
    ///
    /// # Errors
    /// One cannot be made to return at once where nobody has connected.
    pub fn of(listeners: Vec<TcpListener>) -> io::Result<Self> {
        for listener in &listeners {
            listener.set_nonblocking(true)?;
        }
        Ok(Self(listeners))
    }

    /// The addresses listened on, with the ports that the kernel chose for port 0.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        let addresses = self.0.iter().map(TcpListener::local_addr);
        addresses.filter_map(Result::ok).collect()
    }
}

fn open(address: SocketAddr, only_6: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    if address.is_ipv6() {
        socket.set_only_v6(only_6)?;
    }
    // A restart must not wait for the connections of the process before it.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn is_all_of_6(address: SocketAddr) -> bool {
    matches!(address.ip(), IpAddr::V6(ip) if ip.is_unspecified())
}

/// The address that makes `localhost` together with this one.
fn other_loopback(address: SocketAddr) -> Option<SocketAddr> {
    let other: IpAddr = match address.ip() {
        IpAddr::V4(Ipv4Addr::LOCALHOST) => Ipv6Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::LOCALHOST) => Ipv4Addr::LOCALHOST.into(),
        _ => return None,
    };
    Some(SocketAddr::new(other, address.port()))
}

/// Whether the machine does not have the address, or its family.
fn is_lacking(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::EAFNOSUPPORT | libc::EADDRNOTAVAIL)
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::net::TcpStream;

    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn all_of_ipv6_answers_ipv4_too() {
        let listeners = Listeners::bind(&[address("[::]:0")]).unwrap();
        let port = listeners.addresses()[0].port();
        TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    }

    #[test]
    fn both_wildcards_can_be_listed() {
        // A port may be taken by others between the two steps.
        let done = (0..20).any(|_| {
            let port = open(address("127.0.0.1:0"), false)
                .unwrap()
                .local_addr()
                .unwrap()
                .port();
            let both = [format!("[::]:{port}"), format!("0.0.0.0:{port}")];
            Listeners::bind(&both.map(|text| address(&text))).is_ok()
        });
        assert!(done);
    }

    #[test]
    fn one_loopback_is_enough_for_localhost() {
        let (v4, v6) = (address("127.0.0.1:0"), address("[::1]:0"));
        let without = |lacking: &[SocketAddr], addresses: &[SocketAddr]| {
            Listeners::bind_with(addresses, |address, only_6| {
                if lacking.contains(&address) {
                    return Err(io::Error::from_raw_os_error(libc::EADDRNOTAVAIL));
                }
                // Whatever this machine has.
                open(v4, only_6)
            })
        };
        for lacking in [v4, v6] {
            let listeners = without(&[lacking], &[v4, v6]).unwrap();
            assert_eq!(listeners.addresses().len(), 1);
            // By itself it was asked for.
            let error = without(&[lacking], &[lacking]).unwrap_err();
            assert!(
                matches!(error, BindError::NotLocal(it) if it == lacking),
                "{error}"
            );
        }
        assert_eq!(without(&[], &[v4, v6]).unwrap().addresses().len(), 2);
        let error = without(&[v4, v6], &[v4, v6]).unwrap_err();
        assert!(matches!(error, BindError::NotLocal(_)), "{error}");
    }

    #[test]
    fn errors_name_the_address_and_the_remedy() {
        let refusal = |addresses: &[SocketAddr]| Listeners::bind(addresses).unwrap_err();
        assert!(matches!(refusal(&[]), BindError::NoAddress));

        let holder = Listeners::bind(&[address("127.0.0.1:0")]).unwrap();
        let taken = holder.addresses()[0];
        let text = refusal(&[taken]).to_string();
        assert!(
            text.contains(&format!("another process listens on {taken}")),
            "{text}"
        );
        assert!(text.contains("--web.listen-address"), "{text}");

        let text = refusal(&[address("192.0.2.1:0")]).to_string();
        assert!(text.contains("no address 192.0.2.1"), "{text}");
    }
}
