//! Run-queue wait, context switches and migrations against the sums over all tasks.

use std::time::Duration;

use anyhow::Result;

use crate::bracket::{Comparison, Reading};
use crate::client::Client;
use crate::load::schedule::{Competition, Placement};
use crate::oracle::schedule::Schedule;

/// Competes for the CPUs for `time`; enough to drown what the machine does besides.
pub fn compare(
    client: &mut Client,
    time: Duration,
    placement: Placement,
) -> Result<Vec<Comparison>> {
    let processors = std::thread::available_parallelism()?.get();
    let load = Competition::new(2 * processors, processors, placement)?;
    load.run(Duration::from_millis(50));
    let from = Reading::take(client, Schedule::read)?;
    load.run(time);
    let to = Reading::take(client, Schedule::read)?;
    drop(load);

    let against = |what: &str, metric: &str, kind: Option<&str>, of: fn(Gain) -> f64| {
        let label = kind.map(|kind| ("kind", kind));
        Comparison::between(
            what,
            "runqueue",
            (&from, &to),
            |page| page.sum(metric, label.as_slice()),
            |earlier, later| of(later.since(earlier)),
        )
    };
    let wait = "geophone_runqueue_wait_seconds";
    let switches = "geophone_runqueue_context_switches_total";
    Ok(vec![
        against("run-queue wait", &format!("{wait}_sum"), None, |gain| {
            gain.wait as f64 * 1e-9
        })?,
        against("waits", &format!("{wait}_count"), None, |gain| {
            gain.runs as f64
        })?,
        against("voluntary switches", switches, Some("voluntary"), |gain| {
            gain.voluntary as f64
        })?,
        against(
            "involuntary switches",
            switches,
            Some("involuntary"),
            |gain| gain.involuntary as f64,
        )?,
        against(
            "migrations",
            "geophone_runqueue_migrations_total",
            None,
            |gain| gain.migrations as f64,
        )?,
    ])
}

type Gain = crate::oracle::schedule::Task;
