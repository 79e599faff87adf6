//! Which addresses cannot be listened on side by side.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::ListenAddress;

/// A socket that two of the listed addresses both take, by the rules of
/// [`Listeners::bind`](crate::http::Listeners::bind).
pub(super) fn shared(
    one: &ListenAddress,
    other: &ListenAddress,
    listed: &[&ListenAddress],
) -> Option<SocketAddr> {
    // Each 0 becomes another port.
    if one.port != other.port || one.port == 0 {
        return None;
    }
    let all_of_4 = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), one.port);
    let beside_4 = listed
        .iter()
        .any(|address| address.sockets().contains(&all_of_4));
    let others = other.sockets();
    one.sockets().into_iter().find_map(|socket| {
        others.iter().find_map(|&other| {
            if covers(socket.ip(), other.ip(), beside_4) {
                Some(other)
            } else {
                covers(other.ip(), socket.ip(), beside_4).then_some(socket)
            }
        })
    })
}

/// Whether who listens on `wide` takes `narrow`, too. `[::]` takes IPv4 unless `0.0.0.0` is
/// listed beside it.
fn covers(wide: IpAddr, narrow: IpAddr, beside_4: bool) -> bool {
    let families = wide.is_ipv4() == narrow.is_ipv4() || (wide.is_ipv6() && !beside_4);
    wide == narrow || (wide.is_unspecified() && families)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn overlap(listed: &[&str]) -> bool {
        let listed: Vec<ListenAddress> = listed.iter().map(|text| text.parse().unwrap()).collect();
        let all: Vec<&ListenAddress> = listed.iter().collect();
        let mut pairs = listed
            .iter()
            .enumerate()
            .flat_map(|(at, one)| listed.iter().skip(at + 1).map(move |other| (one, other)));
        pairs.any(|(one, other)| {
            let found = shared(one, other, &all);
            assert_eq!(found.is_some(), shared(other, one, &all).is_some());
            found.is_some()
        })
    }

    #[test]
    fn what_takes_the_same_socket_overlaps() {
        for listed in [
            &[":1", "[::]:1"][..],
            &["localhost:1", "127.0.0.1:1"],
            &["localhost:1", "[::1]:1"],
            &["localhost:1", ":1"],
            &["0.0.0.0:1", "127.0.0.1:1"],
            &["[::1]:1", "[0:0::1]:1"],
            &["[::ffff:127.0.0.1]:1", "127.0.0.1:1"],
            &["[::ffff:127.0.0.1]:1", "0.0.0.0:1"],
            &["[::]:1", "127.0.0.1:1"],
            &["[::]:1", "[::1]:1"],
            &["[::]:1", "0.0.0.0:1", "127.0.0.1:1"],
        ] {
            assert!(overlap(listed), "{listed:?}");
        }
        for listed in [
            &["[::]:1", "0.0.0.0:1"][..],
            &[":1", "[::ffff:0.0.0.0]:1"],
            &["127.0.0.1:1", "[::1]:1"],
            &["127.0.0.1:1", "127.0.0.2:1"],
            &["0.0.0.0:1", "[::1]:1"],
            &[":1", ":2"],
            &[":0", "[::]:0"],
        ] {
            assert!(!overlap(listed), "{listed:?}");
        }
    }
}
