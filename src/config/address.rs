use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use serde::Deserialize;

/// Where to listen. Never needs a resolver, so that start and `check` cannot hang on one.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct ListenAddress {
    pub host: Host,
    /// 0 lets the kernel choose.
    pub port: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Host {
    /// Every address, IPv4 and IPv6: an empty host.
    Any,
    /// Both loopback addresses, or the one that the machine has.
    Localhost,
    Ip(IpAddr),
}

impl ListenAddress {
    /// The sockets to bind. `[::]` is meant to take IPv4 too; an IPv4 address in IPv6's clothes
    /// is one of IPv4.
    pub fn sockets(&self) -> Vec<SocketAddr> {
        let socket = |ip: IpAddr| SocketAddr::new(ip, self.port);
        match self.host {
            Host::Any => vec![socket(Ipv6Addr::UNSPECIFIED.into())],
            Host::Localhost => {
                vec![
                    socket(Ipv4Addr::LOCALHOST.into()),
                    socket(Ipv6Addr::LOCALHOST.into()),
                ]
            }
            Host::Ip(ip) => vec![socket(ip.to_canonical())],
        }
    }
}

impl FromStr for ListenAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (host, port) = text.rsplit_once(':').ok_or("it has no port")?;
        if port.is_empty() || !port.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(format!("{port:?} is not a port"));
        }
        let port = port
            .parse()
            .map_err(|_| format!("port {port} is above 65535"))?;
        let bracketed = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        let host = match (bracketed, host) {
            (None, "") => Host::Any,
            (None, "localhost") => Host::Localhost,
            (Some(host), _) => {
                let ip: Ipv6Addr = host
                    .parse()
                    .map_err(|_| format!("{host:?} is not an IPv6 address"))?;
                Host::Ip(ip.into())
            }
            (None, host) => match host.parse() {
                Ok(IpAddr::V4(ip)) => Host::Ip(ip.into()),
                Ok(IpAddr::V6(_)) => return Err("an IPv6 address needs brackets".into()),
                Err(_) => {
                    return Err(format!(
                        "{host:?} is not an IP address, and names are not resolved"
                    ));
                }
            },
        };
        Ok(Self { host, port })
    }
}

impl TryFrom<String> for ListenAddress {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let port = self.port;
        match self.host {
            Host::Any => write!(out, ":{port}"),
            Host::Localhost => write!(out, "localhost:{port}"),
            Host::Ip(ip) => SocketAddr::new(ip, port).fmt(out),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn parses_every_documented_form() {
        for text in [
            ":10435",
            "localhost:1",
            "127.0.0.1:0",
            "[::]:10435",
            "[fe80::1]:65535",
        ] {
            assert_eq!(text.parse::<ListenAddress>().unwrap().to_string(), text);
        }
        let sockets = "localhost:80".parse::<ListenAddress>().unwrap().sockets();
        assert_eq!(
            sockets,
            ["127.0.0.1:80".parse().unwrap(), "[::1]:80".parse().unwrap()]
        );
        assert_eq!(
            ":9".parse::<ListenAddress>().unwrap().sockets(),
            ["[::]:9".parse().unwrap()]
        );
        let mapped = "[::ffff:127.0.0.1]:9".parse::<ListenAddress>().unwrap();
        assert_eq!(mapped.sockets(), ["127.0.0.1:9".parse().unwrap()]);
    }

    #[test]
    fn says_what_is_wrong() {
        let cases = [
            ("10435", "it has no port"),
            ("localhost:", "\"\" is not a port"),
            ("localhost:+1", "\"+1\" is not a port"),
            (":70000", "port 70000 is above 65535"),
            ("::1:80", "an IPv6 address needs brackets"),
            ("[1.2.3.4]:80", "\"1.2.3.4\" is not an IPv6 address"),
            (
                "web:80",
                "\"web\" is not an IP address, and names are not resolved",
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(
                text.parse::<ListenAddress>().unwrap_err(),
                expected,
                "{text}"
            );
        }
    }
}
