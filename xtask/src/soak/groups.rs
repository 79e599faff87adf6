//! Thousands of control groups whose tasks take turns.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use geophone_test_support::bracket::Comparison;
use geophone_test_support::client::Client;
use geophone_test_support::control_group::Group;
use geophone_test_support::cpus::online;
use geophone_test_support::exposition::Exposition;
use geophone_test_support::load::ring::Ring;
use geophone_test_support::wait;

use super::files;
use super::load::{Counters, Load, Span};

const TIME: Duration = Duration::from_secs(2);
const GROUPS: usize = 3000;
/// A pipe for each.
const FILES: u64 = 2 * GROUPS as u64 + 64;
/// As the manifest of `runqueue` says.
const MOST_SERIES: usize = 1024;
const PATIENCE: Duration = Duration::from_secs(30);
const WAITS: &str = "geophone_runqueue_cgroup_wait_seconds_count";

/// A ring with a thread in each group, and a token for each CPU.
pub struct Groups {
    ring: Ring,
    labels: Vec<String>,
    tokens: usize,
}

impl Groups {
    pub fn new() -> Result<Self> {
        files::allow(FILES)?;
        let groups: Vec<Group> = (0..GROUPS).map(|_| Group::new()).collect::<Result<_>>()?;
        let labels = groups.iter().map(|group| group.label().to_owned());
        Ok(Self {
            labels: labels.collect(),
            ring: Ring::new(groups)?,
            tokens: online()?.len(),
        })
    }

    /// What is counted of the groups that have series of their own beside what their tasks say.
    fn own(&self, span: &Span) -> Result<Comparison> {
        let own: Vec<bool> = self
            .labels
            .iter()
            .map(|label| waits(&span.from.page, label).is_some())
            .collect();
        let ours = |page: &Exposition| {
            let labels = self.labels.iter().zip(&own).filter(|(_, own)| **own);
            labels.map(|(label, _)| waits(page, label)).sum()
        };
        let kernel = |counters: &Counters| {
            let tasks = counters.tasks.iter().zip(&own).filter(|(_, own)| **own);
            tasks.map(|(task, _)| task.delay.runs).sum::<u64>()
        };
        Comparison::between(
            "waits of groups with series of their own",
            "runqueue",
            (&span.from, &span.to),
            ours,
            |earlier, later| (kernel(later) - kernel(earlier)) as f64,
        )
    }
}

fn waits(page: &Exposition, label: &str) -> Option<f64> {
    page.sum(WAITS, &[("cgroup", label)])
}

impl Load for Groups {
    fn what(&self) -> &'static str {
        "tasks of 3,000 control groups that take turns"
    }

    fn unit(&self) -> &'static str {
        "turns"
    }

    fn configuration(&self) -> &'static str {
        "[modules.runqueue]\nper_cgroup = true\n"
    }

    fn meet(&self, client: &mut Client) -> Result<()> {
        wait::until(
            "series of as many groups as may have them",
            PATIENCE,
            || {
                let page = client.metrics()?;
                // The other is that of all others.
                let series = page.select(WAITS, &[]).count();
                ensure!(series <= MOST_SERIES + 1, "{series} series of groups");
                Ok((series == MOST_SERIES + 1).then_some(()))
            },
        )
    }

    fn tasks(&self) -> &[u32] {
        self.ring.tasks()
    }

    fn work(&mut self) -> Result<u64> {
        self.ring.start(self.tokens)?;
        std::thread::sleep(TIME);
        self.ring.stop(self.tokens)
    }

    fn compare(&self, span: &Span, _done: u64) -> Result<Vec<Comparison>> {
        let folded = |page: &Exposition| page.sum("geophone_series_folded_total", &[]);
        let folded = folded(&span.to.page).context("nothing says how many have no series")?;
        let least = (GROUPS - MOST_SERIES) as f64;
        ensure!(
            folded >= least,
            "{folded} groups are said to have no series"
        );
        let all = span.compare("waits of all groups", "runqueue", (WAITS, &[]), |a, b| {
            (b.switches - a.switches) as f64
        })?;
        Ok(vec![self.own(span)?, all])
    }
}
