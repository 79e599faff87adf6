//! Connections, resets and segments sent again.

use std::time::Duration;

use anyhow::Result;
use geophone_test_support::client::Client;
use geophone_test_support::network::Loss;
use geophone_test_support::scenario::tcp;
use geophone_test_support::scenario::tcp_reasons::{Reason, provoke};

use super::{equal, is_named, join};

pub fn round_trips(client: &mut Client) -> Result<String> {
    // Long beside what emulation takes to handle a packet while the machine does something else.
    let comparisons = tcp::round_trips(client, 5, Duration::from_millis(150))?;
    comparisons
        .iter()
        .try_for_each(|comparison| comparison.within(0.1))?;
    Ok(join(&comparisons))
}

pub fn connections(client: &mut Client) -> Result<String> {
    equal(&tcp::connections(client, 20)?)
}

pub fn refusals(client: &mut Client) -> Result<String> {
    let refusals = tcp::refusals(client, 20)?;
    refusals.failed.equal(1.0)?;
    refusals.received.equal(1.0)?;
    // Kernels that give a reason with a reset also trace those for which there is no socket.
    if is_named(b"\0sk_rst_reason\0")? {
        refusals.sent.equal(1.0)?;
    }
    Ok(join(&[refusals.failed, refusals.received, refusals.sent]))
}

pub fn retransmissions(client: &mut Client) -> Result<String> {
    equal(&tcp::retransmissions(client, 2, 8 << 20)?)
}

pub fn syn(client: &mut Client) -> Result<String> {
    reason(client, Reason::Syn)
}

pub fn syn_ack(client: &mut Client) -> Result<String> {
    reason(client, Reason::SynAck)
}

pub fn fast(client: &mut Client) -> Result<String> {
    reason(client, Reason::Fast)
}

pub fn rto(client: &mut Client) -> Result<String> {
    reason(client, Reason::Rto)
}

pub fn tail_loss_probe(client: &mut Client) -> Result<String> {
    reason(client, Reason::TailLossProbe)
}

fn reason(client: &mut Client, reason: Reason) -> Result<String> {
    equal(&provoke(client, reason, Loss::Netem)?)
}
