//! Run-queue wait, context switches and migrations against the scheduler's own counters.
//!
//! Other tasks of the machine come and go meanwhile, and take their counters with them. So
//! tasks are asked only for what concerns them alone, as long as they live; all else is held
//! against counters that outlive tasks.
//!
//! One of them counts every context switch, those from and to the idle task included. So
//! events are counted while no CPU is idle: then each switch is away from a task and ends the
//! wait of another.
//!
//! Sums of seconds are read when nothing waits: the kernel adds what a task has waited as soon
//! as it moves the task to another queue (`sched_info_dequeue()`), ours when the task gets a
//! CPU. Beside busy CPUs a task of low priority is between the two for seconds.

use std::time::Duration;

use anyhow::{Context, Result};

use crate::bracket::{Comparison, Reading};
use crate::client::Client;
use crate::control_group::Group;
use crate::exposition::Exposition;
use crate::load::busy::Busy;
use crate::load::schedule::Competition;
use crate::oracle::schedule::{Delay, Task, runnable, switches};
use crate::oracle::tracepoint::Tracepoint;
use crate::wait;

const WAIT_COUNT: &str = "geophone_runqueue_wait_seconds_count";
const WAIT_SUM: &str = "geophone_runqueue_wait_seconds_sum";
const SWITCHES: &str = "geophone_runqueue_context_switches_total";
const MIGRATIONS: &str = "geophone_runqueue_migrations_total";
const GROUP_WAIT_COUNT: &str = "geophone_runqueue_cgroup_wait_seconds_count";
const GROUP_WAIT_SUM: &str = "geophone_runqueue_cgroup_wait_seconds_sum";

const VOLUNTARY: &[(&str, &str)] = &[("kind", "voluntary")];
const INVOLUNTARY: &[(&str, &str)] = &[("kind", "involuntary")];

/// How far sums of waits may be apart: waits that pass no tracepoint on some hosts, and those in
/// course where there is no rest. Without the parts that tasks waited on queues they were moved
/// from ours would be several times as far off, under a load that is moved as it waits.
const SHARE: f64 = 0.01;

/// How long to look for a moment when nothing waits. Where others run all the time none can be
/// told; but what waits then, waits for them alone, and not as long as beside the load.
const REST: Duration = Duration::from_secs(2);

/// Bound on the wait for the series of a new group.
const DISCOVERY_LIMIT: Duration = Duration::from_secs(20);

/// The kernel's counters.
struct Kernel {
    /// Of the tasks of the load.
    tasks: Task,
    switches: u64,
    migrations: u64,
    /// Of all tasks, where the kernel keeps it.
    delay: Option<Delay>,
}

/// Two readings, and the load at work between them.
struct Span {
    from: Reading<Kernel>,
    to: Reading<Kernel>,
    unseen: f64,
}

/// One load, read twice.
struct Run {
    /// For counts of events: no CPU is idle from the first reading to the last.
    busy: Span,
    /// For sums of seconds: begins earlier and ends later, both when nothing waits.
    still: Span,
}

/// The metrics of the whole machine. Of all events the share `unseen` may be missing: see
/// [`Comparison::nearly_equal`].
pub fn machine(client: &mut Client, time: Duration, unseen: f64) -> Result<Vec<Comparison>> {
    let (spinners, pairs) = size()?;
    let load = Competition::new(spinners, pairs)?;
    let Run { busy, still } = Run::of(load, client, time, unseen)?;
    let mut comparisons = vec![
        busy.equal("waits", WAIT_COUNT, &[], |kernel| kernel.switches)?,
        busy.equal("switches", SWITCHES, &[], |kernel| kernel.switches)?,
        busy.equal("migrations", MIGRATIONS, &[], |kernel| kernel.migrations)?,
        still.part("seconds of tasks", WAIT_SUM, &[], |task| {
            task.delay.seconds()
        })?,
        busy.part("voluntary of tasks", SWITCHES, VOLUNTARY, |task| {
            task.voluntary as f64
        })?,
        busy.part("involuntary of tasks", SWITCHES, INVOLUNTARY, |task| {
            task.involuntary as f64
        })?,
        busy.part("migrations of tasks", MIGRATIONS, &[], |task| {
            task.migrations as f64
        })?,
    ];

    if still.from.before.delay.is_some() {
        let seconds = still.compare("seconds", WAIT_SUM, &[], |kernel| {
            kernel.delay.unwrap_or_default().seconds()
        })?;
        seconds.within(SHARE)?;
        comparisons.push(seconds);
    }
    Ok(comparisons)
}

/// The wait by control group, which needs `per_cgroup`; `unseen` as above.
pub fn groups(client: &mut Client, time: Duration, unseen: f64) -> Result<Vec<Comparison>> {
    let group = Group::new()?;
    let label = group.label().to_owned();
    let labels: &[_] = &[("cgroup", &*label)];
    wait::until("the group's series", DISCOVERY_LIMIT, || {
        Ok(client.metrics()?.sum(GROUP_WAIT_COUNT, labels))
    })?;
    let (spinners, pairs) = size()?;
    let load = Competition::within(group, spinners, pairs)?;
    let Run { busy, still } = Run::of(load, client, time, unseen)?;

    let waits = busy.equal("waits of a group", GROUP_WAIT_COUNT, labels, |kernel| {
        kernel.tasks.delay.runs
    })?;
    let seconds = still.compare("seconds of a group", GROUP_WAIT_SUM, labels, |kernel| {
        kernel.tasks.delay.seconds()
    })?;
    seconds.within(SHARE)?;
    let of_all = busy.equal("waits of all groups", GROUP_WAIT_COUNT, &[], |kernel| {
        kernel.switches
    })?;
    let whole = still.growth(WAIT_SUM)?;
    let seconds_of_all = Comparison {
        what: "seconds of all groups".to_owned(),
        ours: still.growth(GROUP_WAIT_SUM)?,
        kernel: (whole, whole),
        missed: 0.0,
    };
    seconds_of_all.within(SHARE)?;
    Ok(vec![waits, seconds, of_all, seconds_of_all])
}

/// Twice as many spinning threads as there are CPUs, and as many pairs.
fn size() -> Result<(usize, usize)> {
    let processors = std::thread::available_parallelism()?.get();
    Ok((2 * processors, processors))
}

impl Run {
    fn of(mut load: Competition, client: &mut Client, time: Duration, unseen: f64) -> Result<Self> {
        load.wander()?;
        load.herd()?;
        let migrations = Tracepoint::count("sched/sched_migrate_task")?;
        let read = || {
            Ok(Kernel {
                tasks: Task::sum_of(load.tasks())?,
                switches: switches()?,
                migrations: migrations.events()?,
                delay: Delay::of_machine()?,
            })
        };
        let span = |from, to| Span { from, to, unseen };

        rest()?;
        let still = Reading::take(client, read)?;
        let cpus = Busy::start()?;
        let busy = Reading::take(client, read)?;
        load.run(time);
        let busy = span(busy, Reading::take(client, read)?);
        drop(cpus);
        rest()?;
        let still = span(still, Reading::take(client, read)?);
        Ok(Self { busy, still })
    }
}

/// Returns when nothing waits, or after [`REST`].
fn rest() -> Result<()> {
    let alone = || Ok((runnable()? <= 1).then_some(()));
    wait::at_most(REST, alone).map(|_| ())
}

impl Span {
    fn equal(
        &self,
        what: &str,
        metric: &str,
        labels: &[(&str, &str)],
        of: fn(&Kernel) -> u64,
    ) -> Result<Comparison> {
        let comparison = self.compare(what, metric, labels, |kernel| of(kernel) as f64)?;
        comparison.nearly_equal(self.unseen * comparison.kernel.0, 1.0)?;
        Ok(comparison)
    }

    /// What the load's tasks alone contribute to a metric of all.
    fn part(
        &self,
        what: &str,
        metric: &str,
        labels: &[(&str, &str)],
        of: fn(Task) -> f64,
    ) -> Result<Comparison> {
        let comparison = self.compare(what, metric, labels, |kernel| of(kernel.tasks))?;
        comparison.at_least(self.unseen * comparison.kernel.0)?;
        Ok(comparison)
    }

    fn compare(
        &self,
        what: &str,
        metric: &str,
        labels: &[(&str, &str)],
        of: impl Fn(&Kernel) -> f64,
    ) -> Result<Comparison> {
        Comparison::between(
            what,
            "runqueue",
            (&self.from, &self.to),
            |page: &Exposition| page.sum(metric, labels),
            |earlier, later| of(later) - of(earlier),
        )
    }

    fn growth(&self, metric: &str) -> Result<f64> {
        let of = |page: &Exposition| page.sum(metric, &[]).context(metric.to_owned());
        Ok(of(&self.to.page)? - of(&self.from.page)?)
    }
}
