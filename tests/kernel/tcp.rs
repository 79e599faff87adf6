use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use geophone_test_support::exposition::Exposition;
use geophone_test_support::load::tcp::{Sink, hold_and_send, send};
use geophone_test_support::network::{Loss, Pair};
use geophone_test_support::oracle::tcp::Tcp;
use geophone_test_support::scenario::tcp::{LOSS, connections, refusals, retransmissions};
use geophone_test_support::scenario::tcp_reasons::{Reason, provoke};
use geophone_test_support::wait;

use crate::{geophone, turn};

const IPV6: [(&str, &str); 1] = [("family", "ipv6")];
const PATIENCE: Duration = Duration::from_secs(20);
const CONNECTIONS: usize = 100;

#[test]
fn connections_and_resets_equal_the_kernels() {
    let Some(_turn) = turn() else { return };
    let daemon = geophone(&["tcp"]).start().unwrap();
    let comparisons = connections(&mut daemon.client().unwrap(), 100).unwrap();
    for comparison in comparisons {
        println!("{comparison}");
        comparison.equal(1.0).unwrap();
    }
}

#[test]
fn connections_that_are_remembered_are_counted_while_they_are_open() {
    let Some(_turn) = turn() else { return };
    let daemon = geophone(&["tcp"]).start().unwrap();
    let mut client = daemon.client().unwrap();
    let mut remembered = || -> anyhow::Result<Option<f64>> {
        let map = [("map", "STARTED")];
        Ok(client.metrics()?.sum("geophone_map_entries", &map))
    };
    let before = remembered().unwrap().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let open: Vec<_> = (0..CONNECTIONS)
        .map(|_| {
            (
                TcpStream::connect(address).unwrap(),
                listener.accept().unwrap(),
            )
        })
        .collect();
    // Each has two ends here. Connections of others come and go.
    let both = 2.0 * CONNECTIONS as f64;
    wait::until("the open connections to be remembered", PATIENCE, || {
        Ok(remembered()?.filter(|now| now - before > 0.9 * both))
    })
    .unwrap();
    drop(open);
    wait::until("the closed connections to be forgotten", PATIENCE, || {
        Ok(remembered()?.filter(|now| now - before < 0.1 * both))
    })
    .unwrap();
}

#[test]
fn refused_connections_equal_the_kernels() {
    let Some(_turn) = turn() else { return };
    let daemon = geophone(&["tcp"]).start().unwrap();
    let refusals = refusals(&mut daemon.client().unwrap(), 100).unwrap();
    for comparison in [refusals.failed, refusals.received, refusals.sent] {
        println!("{comparison}");
        comparison.equal(1.0).unwrap();
    }
}

#[test]
fn retransmitted_segments_equal_the_kernels_on_a_lossy_wire() {
    let Some(_turn) = turn() else { return };
    let daemon = geophone(&["tcp"]).start().unwrap();
    let comparisons = retransmissions(&mut daemon.client().unwrap(), 4, 8 << 20).unwrap();
    for comparison in comparisons {
        println!("{comparison}");
        // A run may stand for any number of segments, so none may be missed.
        comparison.equal(0.0).unwrap();
    }
}

/// Each reason for a segment to be sent again, and no other.
#[test]
fn segments_are_sent_again_for_the_reasons_that_the_kernel_counts() {
    let Some(_turn) = turn() else { return };
    let daemon = geophone(&["tcp"]).start().unwrap();
    let mut client = daemon.client().unwrap();
    for reason in Reason::ALL {
        println!("{reason:?}");
        for comparison in provoke(&mut client, reason, Loss::Rule).unwrap() {
            println!("{comparison}");
            comparison.equal(0.0).unwrap();
        }
    }
}

/// What connections that have ended carried, over a wire that loses some of it. By IPv6, which
/// nothing else here uses.
#[test]
fn ended_connections_are_what_they_carried() {
    const CONNECTIONS: u32 = 20;
    const BYTES: u32 = 100_000;
    /// Of a connection's life.
    const HOLD: Duration = Duration::from_millis(50);
    let Some(_turn) = turn() else { return };
    let daemon = geophone(&["tcp"]).start().unwrap();
    let mut client = daemon.client().unwrap();
    let pair = Pair::new().and_then(Pair::with_ipv6).unwrap();
    // A server whose last packet of the handshake is lost begins its life with the data.
    pair.far.lose_data(LOSS).unwrap();
    let namespaces = [&pair.near, &pair.far];
    let kernel = Tcp::read(&namespaces).unwrap();
    let before = client.metrics().unwrap();
    let begin = Instant::now();
    let sink = pair
        .far
        .within(|| Sink::start(Pair::FAR_V6.into(), CONNECTIONS as usize))
        .unwrap();
    let held = || hold_and_send(sink.address(), BYTES as usize, HOLD);
    pair.near
        .within(|| (0..CONNECTIONS).try_for_each(|_| held()))
        .unwrap();
    sink.finish().unwrap();

    // Both ends close; the kernel is done with the second a moment after its process.
    let ends = f64::from(2 * CONNECTIONS);
    let gain = |page: &Exposition, metric: &str| {
        let metric = format!("geophone_tcp_{metric}");
        page.sum(&metric, &IPV6).unwrap() - before.sum(&metric, &IPV6).unwrap()
    };
    let after = wait::until("the ends of all connections", PATIENCE, || {
        let page = client.metrics()?;
        Ok((gain(&page, "connections_closed_total") >= ends).then_some(page))
    })
    .unwrap();
    let elapsed = begin.elapsed().as_secs_f64();
    let kernel = |counter| Tcp::read(&namespaces).unwrap().since(&kernel, counter);
    let gain = |metric: &str| gain(&after, metric);
    let equal = |metric: &str, expected: f64| {
        let gain = gain(metric);
        assert!(
            (gain - expected).abs() < 0.5,
            "{metric}: {gain}, not {expected}"
        );
    };

    equal("connections_closed_total", ends);
    for metric in [
        "handshake_seconds_count",
        "smoothed_rtt_seconds_count",
        "connection_duration_seconds_count",
        "connection_sent_bytes_count",
        "connection_received_bytes_count",
    ] {
        // A passive handshake whose SYN-ACK was lost was not measured.
        let slack = if metric.starts_with("handshake") {
            5.0
        } else {
            0.0
        };
        let gain = gain(metric);
        assert!(gain <= ends && gain >= ends - slack, "{metric}: {gain}");
    }
    // The server answers with one byte.
    let payload = f64::from(CONNECTIONS * (BYTES + 1));
    equal("connection_sent_bytes_sum", payload);
    equal("connection_received_bytes_sum", payload);

    let retransmitted = kernel("Tcp.RetransSegs");
    assert!(retransmitted > 0.0, "nothing was lost");
    let syn_acks = [IPV6[0], ("reason", "syn_ack")];
    let syn_acks = |page: &Exposition| {
        page.sum("geophone_tcp_retransmitted_segments_total", &syn_acks)
            .unwrap()
    };
    let syn_acks = syn_acks(&after) - syn_acks(&before);
    equal(
        "connection_retransmitted_segments_total",
        retransmitted - syn_acks,
    );
    // The kernel counts the SYN-ACKs, and what TIME_WAIT answers, for no socket; and it counts
    // the scrapes of these pages.
    let (sent, all) = (
        gain("connection_sent_segments_total"),
        kernel("Tcp.OutSegs") + retransmitted,
    );
    assert!(sent <= all && sent >= 0.8 * all, "sent {sent} of {all}");

    // An end whose last segment was lost lives on beside the next connections.
    let lived = gain("connection_duration_seconds_sum");
    let least = ends * HOLD.as_secs_f64();
    assert!(
        lived >= least && lived <= ends * elapsed,
        "lived {lived} s in {elapsed} s"
    );
    let rtt = gain("smoothed_rtt_seconds_sum");
    assert!(
        rtt > 0.0 && rtt < lived,
        "{rtt} s of round trips in {lived} s"
    );
    let handshakes = gain("handshake_seconds_sum");
    assert!(
        handshakes > 0.0 && handshakes < ends * elapsed,
        "{handshakes} s of handshakes"
    );
}

/// A server's SYN-ACK that was sent again is in the socket's own count, but was sent before
/// there was a connection.
#[test]
fn syn_acks_are_no_segments_of_the_connection() {
    const CONNECTIONS: usize = 2;
    let Some(_turn) = turn() else { return };
    let daemon = geophone(&["tcp"]).start().unwrap();
    let mut client = daemon.client().unwrap();
    let pair = Pair::new().and_then(Pair::with_ipv6).unwrap();
    pair.near.lose_syn_acks().unwrap();
    let namespaces = [&pair.near, &pair.far];
    let kernel = Tcp::read(&namespaces).unwrap();
    let before = client.metrics().unwrap();
    let listening = || Sink::start(Pair::FAR_V6.into(), CONNECTIONS);
    let sink = pair.far.within(listening).unwrap();
    let connect = || send(sink.address(), 1000);
    pair.near
        .within(|| (0..CONNECTIONS).try_for_each(|_| connect()))
        .unwrap();
    sink.finish().unwrap();

    let gain = |page: &Exposition, metric: &str, labels: &[(&str, &str)]| {
        let metric = format!("geophone_tcp_{metric}");
        page.sum(&metric, labels).unwrap() - before.sum(&metric, labels).unwrap()
    };
    let after = wait::until("the ends of all connections", PATIENCE, || {
        let page = client.metrics()?;
        let closed = gain(&page, "connections_closed_total", &IPV6);
        Ok((closed >= 2.0 * CONNECTIONS as f64).then_some(page))
    })
    .unwrap();
    let retransmitted = Tcp::read(&namespaces)
        .unwrap()
        .since(&kernel, "Tcp.RetransSegs");
    let syn_ack = [IPV6[0], ("reason", "syn_ack")];
    let syn_acks = gain(&after, "retransmitted_segments_total", &syn_ack);
    // Every second is lost; the one may be a copy of what has arrived already.
    assert!(syn_acks >= 1.0, "{syn_acks} SYN-ACKs sent again");
    let metric = "connection_retransmitted_segments_total";
    let of_connections = gain(&after, metric, &IPV6);
    assert!(
        (of_connections + syn_acks - retransmitted).abs() < 0.5,
        "{of_connections} and {syn_acks} SYN-ACKs of {retransmitted}"
    );
}
