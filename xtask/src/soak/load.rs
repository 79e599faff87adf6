//! Loads as heavy as the machine allows, each with what the kernel counts of it.

use std::time::{Duration, Instant};

use anyhow::Result;
use geophone_test_support::bracket::Reading;
use geophone_test_support::client::Client;
use geophone_test_support::network::Namespace;
use geophone_test_support::oracle::schedule::{Task, switches};
use geophone_test_support::oracle::tcp::Tcp;

use super::held::{Held, Span};

const WAITS: &str = "geophone_runqueue_wait_seconds_count";
const SWITCHES: &str = "geophone_runqueue_context_switches_total";

/// What the kernel counts.
pub struct Counters {
    pub switches: u64,
    pub tcp: Tcp,
    /// Of each of the load's threads.
    pub tasks: Vec<Task>,
}

/// What a load does while no CPU is idle.
pub trait Load {
    fn what(&self) -> &'static str;
    /// What of it is counted for the throughput.
    fn unit(&self) -> &'static str;
    /// For the daemon.
    fn configuration(&self) -> String {
        String::new()
    }
    /// Waits until the daemon knows what it has to know of the load.
    fn meet(&self, _client: &mut Client) -> Result<()> {
        Ok(())
    }
    fn namespace(&self) -> Option<&Namespace> {
        None
    }
    fn tasks(&self) -> &[u32] {
        &[]
    }
    /// Works for some seconds; gives how much was done.
    fn work(&mut self) -> Result<u64>;
    /// Waits for what ends after the work.
    fn part(&self) -> Result<()> {
        Ok(())
    }
    /// Holds what is counted of this load alone against the kernel.
    fn compare(&self, _span: &Span<Counters>) -> Result<Vec<Held>> {
        Ok(Vec::new())
    }
}

/// How much was done in which time.
pub struct Done {
    amount: u64,
    time: Duration,
}

impl Done {
    pub fn per_second(&self) -> f64 {
        self.amount as f64 / self.time.as_secs_f64()
    }
}

/// The load without anybody who watches.
pub fn alone(load: &mut dyn Load) -> Result<Done> {
    let start = Instant::now();
    let amount = load.work()?;
    Ok(Done {
        amount,
        time: start.elapsed(),
    })
}

/// The load with the daemon, and what it counted beside what the kernel did.
pub fn watched(load: &mut dyn Load, client: &mut Client) -> Result<(Done, Vec<Held>)> {
    load.meet(client)?;
    let start = Instant::now();
    let from = read(load, client)?;
    let done = alone(load)?;
    load.part()?;
    let to = read(load, client)?;
    let time = start.elapsed();
    let span = Span { from, to, time };
    let switches =
        |earlier: &Counters, later: &Counters| (later.switches - earlier.switches) as f64;
    let mut held = Vec::new();
    for (what, metric) in [("waits", WAITS), ("switches", SWITCHES)] {
        let same = span.same(what, "runqueue", (metric, &[]), switches)?;
        held.push(same.but_unseen(&span));
    }
    held.extend(load.compare(&span)?);
    Ok((done, held))
}

fn read(load: &dyn Load, client: &mut Client) -> Result<Reading<Counters>> {
    let namespaces: Vec<&Namespace> = load.namespace().into_iter().collect();
    Reading::take(client, || {
        let tasks = load.tasks().iter();
        Ok(Counters {
            tcp: Tcp::read(&namespaces)?,
            tasks: tasks
                .map(|task| Task::sum_of(&[*task]))
                .collect::<Result<_>>()?,
            switches: switches()?,
        })
    })
}
