//! Run-queue wait, context switches and migrations against the sums over all tasks.

use std::time::Duration;

use anyhow::{Context, Result};

use crate::bracket::{Comparison, Reading};
use crate::client::Client;
use crate::load::schedule::Competition;
use crate::oracle::schedule::{Schedule, Task};

/// How often it is tried on a machine whose other tasks come and go.
const ATTEMPTS: usize = 10;

/// Competes for the CPUs for `time` and demands that every figure is within `share` of the
/// kernel's.
///
/// A task that ends takes its counters with it, so that the kernel's sums lack what it did.
/// A disagreement while tasks came and went therefore proves nothing, and the load is run
/// again.
pub fn agree(client: &mut Client, time: Duration, share: f64) -> Result<Vec<Comparison>> {
    let mut attempts = 0;
    loop {
        attempts += 1;
        let (comparisons, others) = compare(client, time)?;
        let agreed = comparisons
            .iter()
            .try_for_each(|comparison| comparison.within(share));
        match agreed {
            Ok(()) => return Ok(comparisons),
            Err(error) if others == 0 || attempts == ATTEMPTS => {
                return Err(error).with_context(|| format!("attempt {attempts}"));
            }
            Err(error) => eprintln!("again, for {others} tasks came or went meanwhile: {error}"),
        }
    }
}

/// The comparisons, and how many tasks came or went between the first reading and the last.
fn compare(client: &mut Client, time: Duration) -> Result<(Vec<Comparison>, u64)> {
    let processors = std::thread::available_parallelism()?.get();
    let load = Competition::new(2 * processors, processors)?;
    load.run(Duration::from_millis(50));
    let from = Reading::take(client, Schedule::read)?;
    load.run(time);
    let to = Reading::take(client, Schedule::read)?;
    drop(load);

    let against = |what: &str, metric: &str, kind: Option<&str>, of: fn(Task) -> f64| {
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
    let migrations = "geophone_runqueue_migrations_total";
    let comparisons = vec![
        against("wait", &format!("{wait}_sum"), None, |task| {
            task.wait as f64 * 1e-9
        })?,
        against("waits", &format!("{wait}_count"), None, |task| {
            task.runs as f64
        })?,
        against("voluntary", switches, Some("voluntary"), |task| {
            task.voluntary as f64
        })?,
        against("involuntary", switches, Some("involuntary"), |task| {
            task.involuntary as f64
        })?,
        against("migrations", migrations, None, |task| {
            task.migrations as f64
        })?,
    ];
    Ok((comparisons, to.after.changes_since(&from.before)))
}
