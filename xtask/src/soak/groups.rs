//! Thousands of control groups whose tasks take turns.

use std::time::Duration;

use anyhow::{Result, ensure};
use geophone_test_support::client::Client;
use geophone_test_support::control_group::Group;
use geophone_test_support::cpus::online;
use geophone_test_support::exposition::Exposition;
use geophone_test_support::load::ring::Ring;
use geophone_test_support::{open_files, wait};

use super::held::{Held, Span};
use super::load::{Counters, Load};

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
        open_files::allow(FILES)?;
        let groups = Group::several(GROUPS)?;
        let labels = groups.iter().map(|group| group.label().to_owned());
        Ok(Self {
            labels: labels.collect(),
            ring: Ring::new(groups)?,
            tokens: online()?.len(),
        })
    }

    /// What is counted of the groups that have series of their own beside what their tasks say.
    fn own(&self, span: &Span<Counters>) -> Result<Held> {
        let labels = self.labels.iter();
        let own: Vec<bool> = labels
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
        let what = "waits of groups with series of their own";
        let held = span.each(what, "runqueue", ours, |earlier, later| {
            (kernel(later) - kernel(earlier)) as f64
        });
        held.map(|held| held.but_unseen(span))
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

    /// No other group comes or goes meanwhile.
    fn configuration(&self) -> String {
        "[modules.runqueue]\nper_cgroup = true\ncgroup_include = \".*/geophone-test-.*\"\n"
            .to_owned()
    }

    fn meet(&self, client: &mut Client) -> Result<()> {
        let none = (GROUPS - MOST_SERIES) as f64;
        let folded = [("metric", "geophone_runqueue_cgroup_wait_seconds")];
        wait::until(
            "series of as many groups as may have them",
            PATIENCE,
            || {
                let page = client.metrics()?;
                // The other is that of all others.
                let series = page.select(WAITS, &[]).count();
                ensure!(series <= MOST_SERIES + 1, "{series} series of groups");
                let folded = page.sum("geophone_series_folded_total", &folded);
                Ok((series == MOST_SERIES + 1 && folded >= Some(none)).then_some(()))
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

    fn compare(&self, span: &Span<Counters>) -> Result<Vec<Held>> {
        let all = span.same("waits of all groups", "runqueue", (WAITS, &[]), |a, b| {
            (b.switches - a.switches) as f64
        })?;
        Ok(vec![self.own(span)?, all.but_unseen(span)])
    }
}
