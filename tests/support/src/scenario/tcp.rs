//! Connections, resets and retransmitted segments against `/proc/net/snmp`.

use std::time::Duration;

use anyhow::{Result, anyhow};

use crate::bracket::{Comparison, Reading};
use crate::client::Client;
use crate::exposition::Exposition;
use crate::load::tcp::{Sink, be_refused, reset, send};
use crate::network::{Namespace, Pair};
use crate::oracle::tcp::Tcp;
use crate::wait;

const OPENED: &str = "geophone_tcp_connections_opened_total";
const FAILED: &str = "geophone_tcp_connections_failed_total";
const RESETS_SENT: &str = "geophone_tcp_resets_sent_total";
const RESETS_RECEIVED: &str = "geophone_tcp_resets_received_total";
const CLOSED: &str = "geophone_tcp_connections_closed_total";
const HANDSHAKES: &str = "geophone_tcp_handshake_seconds_sum";
const ROUND_TRIPS: &str = "geophone_tcp_smoothed_rtt_seconds_sum";
const RETRANSMITTED: &str = "geophone_tcp_retransmitted_segments_total";

/// Bound on the wait for the last of a connection's packets.
const PATIENCE: Duration = Duration::from_secs(20);

/// Of 100 packets.
pub const LOSS: u32 = 5;

/// What is compared: a name for it, the metric, its labels, the kernel's counter.
type Item<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)], &'a str);

/// Opens `count` connections that end well and as many that end in a reset, between two
/// namespaces.
pub fn connections(client: &mut Client, count: usize) -> Result<Vec<Comparison>> {
    let pair = Pair::new()?;
    let active: &[_] = &[("direction", "active")];
    let passive: &[_] = &[("direction", "passive")];
    let items: [Item<'_>; 4] = [
        ("active opens", OPENED, active, "Tcp.ActiveOpens"),
        ("passive opens", OPENED, passive, "Tcp.PassiveOpens"),
        ("resets sent", RESETS_SENT, &[], "Tcp.OutRsts"),
        // Nothing is lost on this wire, and all of them meet a socket.
        ("resets received", RESETS_RECEIVED, &[], "Tcp.OutRsts"),
    ];
    compare(client, &pair, &items, || open(&pair, count))
}

/// Opens `count` connections that end well and as many that end in a reset.
pub fn open(pair: &Pair, count: usize) -> Result<()> {
    let sink = pair
        .far
        .within(|| Sink::start(Pair::FAR.into(), 2 * count))?;
    pair.near.within(|| {
        for _ in 0..count {
            send(sink.address(), 1000)?;
            reset(sink.address())?;
        }
        Ok(())
    })?;
    sink.finish()
}

/// What comes of connections that are refused.
pub struct Refusals {
    pub failed: Comparison,
    pub received: Comparison,
    /// Before 6.10 the tracepoint says nothing of a reset that is sent for want of a socket.
    pub sent: Comparison,
}

/// Tries `count` times to connect to a port at which nobody listens.
pub fn refusals(client: &mut Client, count: usize) -> Result<Refusals> {
    let pair = Pair::new()?;
    let items: [Item<'_>; 3] = [
        ("failed", FAILED, &[], "Tcp.AttemptFails"),
        ("resets received", RESETS_RECEIVED, &[], "Tcp.OutRsts"),
        ("resets sent", RESETS_SENT, &[], "Tcp.OutRsts"),
    ];
    let comparisons = compare(client, &pair, &items, || {
        pair.near
            .within(|| (0..count).try_for_each(|_| be_refused(Pair::NEAR.into())))
    })?;
    let [failed, received, sent] =
        <[_; 3]>::try_from(comparisons).map_err(|_| anyhow!("as many comparisons as items"))?;
    Ok(Refusals {
        failed,
        received,
        sent,
    })
}

/// Sends `bytes` in each of `count` connections over a lossy wire.
pub fn retransmissions(client: &mut Client, count: usize, bytes: usize) -> Result<Vec<Comparison>> {
    let pair = Pair::new()?;
    pair.far.lose(LOSS)?;
    pair.near.lose(LOSS)?;
    let items: [Item<'_>; 1] = [(
        "retransmitted segments",
        RETRANSMITTED,
        &[],
        "Tcp.RetransSegs",
    )];
    compare(client, &pair, &items, || {
        let sink = pair.far.within(|| Sink::start(Pair::FAR.into(), count))?;
        pair.near
            .within(|| (0..count).try_for_each(|_| send(sink.address(), bytes)))?;
        sink.finish()
    })
}

/// Opens `count` connections over a wire on which a packet takes `delay` to either side, and
/// compares handshakes and round trips with the time there and back.
pub fn round_trips(client: &mut Client, count: usize, delay: Duration) -> Result<Vec<Comparison>> {
    let pair = Pair::new()?;
    pair.delay(delay)?;
    let read = |client: &mut Client| Reading::take(client, || Ok(()));
    let from = read(client)?;
    let sink = pair.far.within(|| Sink::start(Pair::FAR.into(), count))?;
    pair.near
        .within(|| (0..count).try_for_each(|_| send(sink.address(), 1000)))?;
    sink.finish()?;
    let ipv4 = ("family", "ipv4");
    // The second of two ends is closed a round trip after its process has let go of it.
    let closed = |page: &Exposition| page.sum(CLOSED, &[ipv4]).unwrap_or(0.0);
    let to = wait::until("the ends of all connections", PATIENCE, || {
        let to = read(client)?;
        Ok((closed(&to.page) - closed(&from.page) >= 2.0 * count as f64).then_some(to))
    })?;

    let seconds = 2.0 * delay.as_secs_f64() * count as f64;
    let items: [(&str, &str, &[_], f64); 3] = [
        (
            "s of active handshakes",
            HANDSHAKES,
            &[ipv4, ("direction", "active")],
            seconds,
        ),
        (
            "s of passive handshakes",
            HANDSHAKES,
            &[ipv4, ("direction", "passive")],
            seconds,
        ),
        ("s of round trips", ROUND_TRIPS, &[ipv4], 2.0 * seconds),
    ];
    let each = items.iter().map(|(what, metric, labels, seconds)| {
        let ours = |page: &Exposition| page.sum(metric, labels);
        Comparison::between(what, "tcp", (&from, &to), ours, |(), ()| *seconds)
    });
    each.collect()
}

fn compare(
    client: &mut Client,
    pair: &Pair,
    items: &[Item<'_>],
    load: impl FnOnce() -> Result<()>,
) -> Result<Vec<Comparison>> {
    let namespaces: [&Namespace; 2] = [&pair.near, &pair.far];
    let from = Reading::take(client, || Tcp::read(&namespaces))?;
    load()?;
    let to = Reading::take(client, || Tcp::read(&namespaces))?;
    let each = items.iter().map(|(what, metric, labels, counter)| {
        Comparison::between(
            what,
            "tcp",
            (&from, &to),
            |page| page.sum(metric, labels),
            |earlier: &Tcp, later: &Tcp| later.since(earlier, counter),
        )
    });
    each.collect()
}
