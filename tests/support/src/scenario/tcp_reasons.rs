//! Each reason for which TCP sends a segment again, provoked, against `/proc/net/netstat`.

use std::thread;

use anyhow::{Result, anyhow, ensure};

use crate::bracket::{Comparison, Reading};
use crate::client::Client;
use crate::exposition::Exposition;
use crate::load::tcp::{Sink, send_segments};
use crate::network::{Loss, Pair};
use crate::oracle::tcp::Tcp;

const RETRANSMITTED: &str = "geophone_tcp_retransmitted_segments_total";

/// What counts here is counted of IPv6 alone, which nobody else speaks meanwhile.
const IPV6: (&str, &str) = ("family", "ipv6");

/// How often each is provoked.
const TIMES: u32 = 4;

/// Of a segment to lose, by its size; its packet has 72 bytes more.
const MARKED: usize = 600;
const OTHER: usize = 1000;

/// A reason with a cause that can be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    Syn,
    SynAck,
    Fast,
    Rto,
    TailLossProbe,
}

/// The counters of the client's and of the server's namespace.
struct Ends {
    client: Tcp,
    server: Tcp,
}

/// What is lost and what is sent.
struct Cause {
    by_server: bool,
    /// In nft's language. A counter begins at 0.
    lost: String,
    /// Of each connection, the sizes of its segments.
    segments: Vec<usize>,
    connections: usize,
}

impl Reason {
    pub const ALL: [Self; 5] = [
        Self::Syn,
        Self::SynAck,
        Self::Fast,
        Self::Rto,
        Self::TailLossProbe,
    ];

    fn label(self) -> &'static str {
        match self {
            Self::Syn => "syn",
            Self::SynAck => "syn_ack",
            Self::Fast => "fast",
            Self::Rto => "rto",
            Self::TailLossProbe => "tail_loss_probe",
        }
    }

    fn cause(self) -> Cause {
        let first = |count| format!("numgen inc mod 1000000 < {count}");
        let every_other = "numgen inc mod 2 == 0";
        let flags = |flags| format!("tcp flags & (syn|ack) == {flags}");
        let marked = "meta l4proto tcp meta length 660-700";
        let connections = TIMES as usize;
        let (lost, segments, connections) = match self {
            // All at once, which takes as long as one.
            Self::Syn => (flags("syn") + " " + &first(TIMES), vec![OTHER], connections),
            Self::SynAck => (
                flags("(syn|ack)") + " " + &first(TIMES),
                vec![OTHER],
                connections,
            ),
            // The server acknowledges those behind it.
            Self::Fast => (
                format!("{marked} {every_other}"),
                [vec![MARKED], vec![OTHER; 6]].concat(),
                connections,
            ),
            // Nothing is behind it.
            Self::TailLossProbe => (
                format!("{marked} {every_other}"),
                vec![OTHER, OTHER, MARKED],
                connections,
            ),
            // All segments and the probe after them. What is sent again is the first by the timer,
            // and the others once that one has arrived.
            Self::Rto => (
                format!("meta l4proto tcp meta length > 200 {}", first(TIMES + 1)),
                vec![OTHER; TIMES as usize],
                1,
            ),
        };
        Cause {
            by_server: self == Self::SynAck,
            lost,
            segments,
            connections,
        }
    }

    /// How often the kernel sent a segment again for this reason (net/ipv4/tcp_output.c and
    /// tcp_timer.c).
    fn counted(self, earlier: &Ends, later: &Ends) -> f64 {
        let client = |counter| later.client.since(&earlier.client, counter);
        let server = |counter| later.server.since(&earlier.server, counter);
        let both = |counter| client(counter) + server(counter);
        match self {
            // One counter for both: only a client sends the one, only a server the other.
            Self::Syn => client("TcpExt.TCPSynRetrans"),
            Self::SynAck => server("TcpExt.TCPSynRetrans"),
            Self::Fast => both("TcpExt.TCPFastRetrans"),
            // What the timer sends, a SYN included, and what is sent after that. The server's timer is
            // that of its SYN-ACKs.
            Self::Rto => {
                client("TcpExt.TCPTimeouts") - client("TcpExt.TCPSynRetrans")
                    + both("TcpExt.TCPSlowStartRetrans")
            }
            // Nobody has anything new to send instead.
            Self::TailLossProbe => both("TcpExt.TCPLossProbes"),
        }
    }
}

/// Provokes `reason` and compares all of them, and their sum; those that the kernel has not
/// counted have been found to be none and are left out.
pub fn provoke(client: &mut Client, reason: Reason, loss: Loss) -> Result<Vec<Comparison>> {
    let Cause {
        by_server,
        lost,
        segments,
        connections,
    } = reason.cause();
    let pair = Pair::new()?.with_ipv6()?;
    let sender = if by_server { &pair.far } else { &pair.near };
    pair.lose(sender, &lost, loss)?;
    let read = || -> Result<Ends> {
        Ok(Ends {
            client: Tcp::within(&pair.near)?,
            server: Tcp::within(&pair.far)?,
        })
    };
    let from = Reading::take(client, read)?;
    let bytes = segments.iter().sum();
    let sink = || Sink::of_bytes(Pair::FAR_V6.into(), connections, bytes);
    let sink = pair.far.within(sink)?;
    let send = || send_segments(sink.address(), &segments);
    let at_once = matches!(reason, Reason::Syn | Reason::SynAck);
    pair.near.within(|| {
        if at_once {
            together(connections, send)
        } else {
            (0..connections).try_for_each(|_| send())
        }
    })?;
    sink.finish()?;
    let to = Reading::take(client, read)?;

    let mut met = Vec::new();
    for each in Reason::ALL {
        let labels = [IPV6, ("reason", each.label())];
        let comparison = Comparison::between(
            each.label(),
            "tcp",
            (&from, &to),
            |page: &Exposition| page.sum(RETRANSMITTED, &labels),
            |earlier, later| each.counted(earlier, later),
        )?;
        let (least, most) = comparison.kernel;
        ensure!(
            each != reason || least >= f64::from(TIMES),
            "{comparison}: not provoked {TIMES} times"
        );
        if most > 0.0 {
            met.push(comparison);
        } else {
            ensure!(comparison.ours < 0.5, "{comparison}");
        }
    }
    met.push(Comparison::between(
        "all",
        "tcp",
        (&from, &to),
        |page| page.sum(RETRANSMITTED, &[IPV6]),
        |earlier, later| {
            let of = |later: &Tcp, earlier| later.since(earlier, "Tcp.RetransSegs");
            of(&later.client, &earlier.client) + of(&later.server, &earlier.server)
        },
    )?);
    Ok(met)
}

/// Does the same in so many threads, in this thread's namespaces.
fn together(count: usize, work: impl Fn() -> Result<()> + Sync) -> Result<()> {
    thread::scope(|scope| {
        let threads: Vec<_> = (0..count).map(|_| scope.spawn(&work)).collect();
        threads
            .into_iter()
            .try_for_each(|thread| thread.join().map_err(|_| anyhow!("a thread panicked"))?)
    })
}
