//! Softirqs under traffic on the loopback against `/proc/softirqs` and `/proc/stat`.

use std::net::Ipv4Addr;

use anyhow::{Context, Result};

use crate::bracket::{Comparison, Reading};
use crate::client::Client;
use crate::load::tcp::{Sink, send};
use crate::oracle::softirq::Softirqs;

const RUNS: &str = "softirq_runs_total";
const DURATION: &str = "softirq_duration_seconds";

/// What a comparison says.
pub struct Outcome {
    /// Runs of each vector that has run, by the counter and by the histogram.
    pub runs: Vec<Comparison>,
    /// Seconds of all vectors. The kernel's may be sampled by ticks.
    pub duration: Comparison,
    /// Vectors that ran by our count, but not by the kernel's.
    pub invented: Vec<String>,
}

/// Sends `bytes` in each of `count` connections to this machine itself.
pub fn compare(client: &mut Client, count: usize, bytes: usize) -> Result<Outcome> {
    let from = Reading::take(client, Softirqs::read)?;
    let sink = Sink::start(Ipv4Addr::LOCALHOST.into(), count)?;
    (0..count).try_for_each(|_| send(sink.address(), bytes))?;
    sink.finish()?;
    let to = Reading::take(client, Softirqs::read)?;

    let mut outcome = Outcome {
        runs: Vec::new(),
        duration: Comparison::between(
            "seconds in softirqs",
            "softirq",
            (&from, &to),
            |page| page.sum(&format!("{DURATION}_sum"), &[]),
            |earlier: &Softirqs, later: &Softirqs| later.seconds_since(earlier),
        )?,
        invented: Vec::new(),
    };
    for vector in to.after.vectors() {
        for metric in [RUNS.to_owned(), format!("{DURATION}_count")] {
            let comparison = Comparison::between(
                &format!("{metric} of {vector}"),
                "softirq",
                (&from, &to),
                |page| page.sum(&metric, &[("vector", vector)]),
                |earlier: &Softirqs, later: &Softirqs| later.runs_since(earlier, vector),
            )
            .context("every vector of /proc/softirqs has a series")?;
            if comparison.kernel.1 > 0.0 {
                outcome.runs.push(comparison);
            } else if comparison.ours > 0.0 {
                outcome.invented.push(comparison.to_string());
            }
        }
    }
    Ok(outcome)
}
