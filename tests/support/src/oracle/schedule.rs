//! `/proc/PID/task/TID/schedstat` (`Documentation/scheduler/sched-stats.rst`), the switches
//! in `status` and the migrations in `sched` beside it, of every task of the machine.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Task {
    /// Nanoseconds spent waiting on a run queue (`sched_info.run_delay`).
    pub wait: u64,
    /// Times it was given a CPU (`sched_info.pcount`).
    pub runs: u64,
    pub voluntary: u64,
    pub involuntary: u64,
    /// Times it was moved to another CPU (`se.nr_migrations`).
    pub migrations: u64,
}

/// The counters of all tasks, by thread id.
#[derive(Debug, Clone, Default)]
pub struct Schedule {
    tasks: HashMap<u32, Task>,
    /// Tasks begun since boot (`processes` in `/proc/stat`).
    forks: u64,
}

impl Schedule {
    /// Reads all tasks. One that ends meanwhile is left out.
    pub fn read() -> Result<Self> {
        let mut tasks = HashMap::new();
        for process in numbered(Path::new("/proc"))? {
            let directory = Path::new("/proc").join(process.to_string()).join("task");
            for id in numbered(&directory).unwrap_or_default() {
                if let Some(task) = task(&directory.join(id.to_string())) {
                    tasks.insert(id, task);
                }
            }
        }
        let stat = fs::read_to_string("/proc/stat").context("/proc/stat")?;
        let forks = value(&stat, "processes").context("no processes in /proc/stat")?;
        Ok(Self { tasks, forks })
    }

    /// What the tasks of `self` have gained since `earlier`; a new one counts from nothing,
    /// one that has ended is lost.
    pub fn since(&self, earlier: &Self) -> Task {
        let mut total = Task::default();
        for (id, now) in &self.tasks {
            let then = earlier.tasks.get(id).copied().unwrap_or_default();
            total.wait += now.wait.saturating_sub(then.wait);
            total.runs += now.runs.saturating_sub(then.runs);
            total.voluntary += now.voluntary.saturating_sub(then.voluntary);
            total.involuntary += now.involuntary.saturating_sub(then.involuntary);
            total.migrations += now.migrations.saturating_sub(then.migrations);
        }
        total
    }

    /// How many tasks have begun since `earlier` or ended.
    pub fn changes_since(&self, earlier: &Self) -> u64 {
        let gone = earlier
            .tasks
            .keys()
            .filter(|id| !self.tasks.contains_key(*id));
        self.forks.saturating_sub(earlier.forks) + gone.count() as u64
    }
}

fn numbered(directory: &Path) -> Result<Vec<u32>> {
    let entries = fs::read_dir(directory).with_context(|| directory.display().to_string())?;
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    Ok(names.filter_map(|name| name.parse().ok()).collect())
}

fn task(directory: &Path) -> Option<Task> {
    let schedstat = fs::read_to_string(directory.join("schedstat")).ok()?;
    let status = fs::read_to_string(directory.join("status")).ok()?;
    let sched = fs::read_to_string(directory.join("sched")).ok()?;
    let mut fields = schedstat.split_whitespace().skip(1).map(str::parse);
    let switches = |name| value(&status, name);
    Some(Task {
        wait: fields.next()?.ok()?,
        runs: fields.next()?.ok()?,
        voluntary: switches("voluntary_ctxt_switches")?,
        involuntary: switches("nonvoluntary_ctxt_switches")?,
        migrations: value(&sched, "se.nr_migrations")?,
    })
}

/// The number after `name` and a colon, at the beginning of a line.
fn value(text: &str, name: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
    rest.trim_start()
        .trim_start_matches(':')
        .trim()
        .parse()
        .ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn growth_is_summed_over_tasks_old_and_new() {
        let task = |wait, runs| Task {
            wait,
            runs,
            ..Task::default()
        };
        let schedule = |tasks| Schedule { tasks, forks: 0 };
        let earlier = schedule([(1, task(10, 1)), (2, task(50, 5))].into());
        let later = schedule([(1, task(30, 4)), (3, task(7, 1))].into());
        assert_eq!(later.since(&earlier), task(27, 4));
    }

    #[test]
    fn this_machine_has_tasks_that_ran() {
        let all = Schedule::read().unwrap();
        assert!(all.since(&Schedule::default()).runs > 0);
    }
}
