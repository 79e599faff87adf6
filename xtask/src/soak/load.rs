//! Loads as heavy as the machine allows, each with what the kernel counts of it.

use std::time::{Duration, Instant};

use anyhow::Result;
use geophone_test_support::bracket::{Comparison, Reading, UNSEEN};
use geophone_test_support::client::Client;
use geophone_test_support::exposition::Exposition;
use geophone_test_support::network::Namespace;
use geophone_test_support::oracle::schedule::{Task, switches};
use geophone_test_support::oracle::tcp::Tcp;

const WAITS: &str = "geophone_runqueue_wait_seconds_count";
const SWITCHES: &str = "geophone_runqueue_context_switches_total";

/// What the kernel counts.
pub struct Counters {
    pub switches: u64,
    pub tcp: Tcp,
    /// Of each of the load's threads.
    pub tasks: Vec<Task>,
}

/// A metric's name and labels.
pub type Metric<'a> = (&'a str, &'a [(&'a str, &'a str)]);

/// What a load does while no CPU is idle.
pub trait Load {
    fn what(&self) -> &'static str;
    /// What of it is counted for the throughput.
    fn unit(&self) -> &'static str;
    /// For the daemon.
    fn configuration(&self) -> &'static str {
        ""
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
    /// Holds what is counted of this load alone against the kernel.
    fn compare(&self, _span: &Span, _done: u64) -> Result<Vec<Comparison>> {
        Ok(Vec::new())
    }
}

/// Two readings, and the work between them.
pub struct Span<K = Counters> {
    pub from: Reading<K>,
    pub to: Reading<K>,
}

impl<K> Span<K> {
    /// How much a metric has grown beside a counter of the kernel.
    pub fn compare(
        &self,
        what: &str,
        module: &str,
        (name, labels): Metric<'_>,
        kernel: impl Fn(&K, &K) -> f64,
    ) -> Result<Comparison> {
        let ours = |page: &Exposition| page.sum(name, labels);
        Comparison::between(what, module, (&self.from, &self.to), ours, kernel)
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

/// The load with the daemon, and what it counted held against the kernel. A missed run is worth
/// one event.
pub fn watched(load: &mut dyn Load, client: &mut Client) -> Result<(Done, Vec<Comparison>)> {
    load.meet(client)?;
    let from = read(load, client)?;
    let done = alone(load)?;
    let to = read(load, client)?;
    let span = Span { from, to };
    let switches =
        |earlier: &Counters, later: &Counters| (later.switches - earlier.switches) as f64;
    let mut comparisons = vec![
        span.compare("waits", "runqueue", (WAITS, &[]), switches)?,
        span.compare("switches", "runqueue", (SWITCHES, &[]), switches)?,
    ];
    comparisons.extend(load.compare(&span, done.amount)?);
    for comparison in &comparisons {
        comparison.nearly_equal(UNSEEN * comparison.kernel.1, 1.0)?;
    }
    Ok((done, comparisons))
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
