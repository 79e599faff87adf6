//! Jobs of the kernel's GPU scheduler, against what the driver that has them has measured.

use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::bracket::{Comparison, Reading};
use crate::client::Client;
use crate::exposition::Exposition;
use crate::sched_test::{Counts, Ring, SchedTest};
use crate::wait;

const MODULE: &str = "gpu_scheduler";
const JOBS: &str = "geophone_gpu_scheduler_jobs_total";
const PENDING: &str = "geophone_gpu_scheduler_jobs_pending";
const FAILED: &str = "geophone_gpu_scheduler_failed_jobs_total";
const CANCELLED: &str = "geophone_gpu_scheduler_cancelled_jobs_total";
const QUEUE: &str = "geophone_gpu_scheduler_queue_seconds";
const EXECUTION: &str = "geophone_gpu_scheduler_execution_seconds";
const UNMATCHED: &str = "geophone_gpu_scheduler_unmatched_jobs_total";
const UNTRACKED: &str = "geophone_gpu_scheduler_untracked_jobs_total";

/// Where the scheduler's tracepoints do not tell the device.
const UNKNOWN: &str = "unknown";

/// How long the daemon may take to see that the driver is there, and then a ring's name.
const LIMIT: Duration = Duration::from_secs(40);

/// Counts, which are to be equal, then seconds in the queue and on the device, of jobs on both
/// rings at once, some of which fail. `tells_device` is whether the kernel does.
pub fn jobs(
    client: &mut Client,
    driver: &SchedTest,
    tells_device: bool,
) -> Result<(Vec<Comparison>, Vec<Comparison>)> {
    for ring in Ring::ALL {
        until_named(client, driver, ring)?;
    }
    let counts = || Ok([driver.counts(Ring::Alpha)?, driver.counts(Ring::Beta)?]);
    let from = Reading::take(client, counts)?;
    driver.jobs(Ring::Alpha, 8, Duration::from_millis(20), 0)?;
    driver.jobs(Ring::Beta, 3, Duration::from_millis(60), 0)?;
    driver.jobs(Ring::Beta, 2, Duration::from_millis(40), EIO)?;
    let pending = Reading::take(client, counts)?.page.sum(PENDING, &[]);
    ensure!(pending.is_some_and(|it| it > 0.0), "{pending:?} pending");
    Ring::ALL.iter().try_for_each(|ring| driver.wait(*ring))?;
    let to = Reading::take(client, counts)?;
    let pending = to.page.sum(PENDING, &[]);
    ensure!(pending == Some(0.0), "{pending:?} pending at the end");
    nothing_lost(&from.page, &to.page)?;

    let device = if tells_device {
        SchedTest::DEVICE
    } else {
        UNKNOWN
    };
    let (mut equal, mut near) = (Vec::new(), Vec::new());
    for (at, ring) in Ring::ALL.into_iter().enumerate() {
        let name = ring.to_string();
        let compare = |metric: &str, count: fn(&Counts) -> f64| {
            let what = format!("{metric} of {name}");
            Comparison::between(
                &what,
                MODULE,
                (&from, &to),
                |page| page.sum(metric, &[("device", device), ("ring", &name)]),
                |earlier, later| count(&later[at]) - count(&earlier[at]),
            )
        };
        equal.push(compare(JOBS, |it| it.queued as f64)?);
        equal.push(compare(&format!("{QUEUE}_count"), |it| it.run as f64)?);
        equal.push(compare(&format!("{EXECUTION}_count"), |it| it.done as f64)?);
        let failed = compare(FAILED, |it| it.told as f64)?;
        // None on the one ring, and none where the scheduler does not tell.
        if failed.kernel.1 == 0.0 {
            ensure!(failed.ours == 0.0, "{failed}");
        } else {
            equal.push(failed);
        }
        near.push(compare(&format!("{QUEUE}_sum"), |it| {
            it.queue_time.as_secs_f64()
        })?);
        near.push(compare(&format!("{EXECUTION}_sum"), |it| {
            it.run_time.as_secs_f64()
        })?);
    }
    Ok((equal, near))
}

const EIO: i32 = 5;

/// Jobs that are dropped before the device gets them.
pub fn cancelled(client: &mut Client, driver: &SchedTest) -> Result<Vec<Comparison>> {
    until_named(client, driver, Ring::Beta)?;
    let counts = || driver.counts(Ring::Beta);
    let from = Reading::take(client, counts)?;
    driver.jobs(Ring::Beta, 6, Duration::from_millis(200), 0)?;
    let run = from.after.run;
    wait::until("a job that runs", LIMIT, || {
        Ok((counts()?.run > run).then_some(()))
    })?;
    driver.kill(Ring::Beta)?;
    driver.wait(Ring::Beta)?;
    let to = Reading::take(client, counts)?;
    let pending = to.page.sum(PENDING, &[]);
    ensure!(pending == Some(0.0), "{pending:?} pending at the end");
    let labels = [("ring", "beta")];
    let compare = |metric: &str, count: fn(&Counts) -> u64| {
        Comparison::between(
            metric,
            MODULE,
            (&from, &to),
            |page| page.sum(metric, &labels),
            |earlier, later| (count(later) - count(earlier)) as f64,
        )
    };
    Ok(vec![
        compare(JOBS, |it| it.queued)?,
        compare(&format!("{EXECUTION}_count"), |it| it.done)?,
        compare(CANCELLED, |it| it.killed)?,
    ])
}

/// More jobs at a time than there are places for: each is executed or forgotten, and one that
/// was forgotten in the queue is not known when it is run.
pub fn crowd(client: &mut Client, driver: &SchedTest, count: u32) -> Result<String> {
    until_named(client, driver, Ring::Alpha)?;
    let mut now = || -> Result<_> {
        let page = Reading::take(client, || Ok(()))?.page;
        let of = |metric: &str| page.sum(metric, &[]).with_context(|| metric.to_owned());
        Ok([
            of(JOBS)?,
            of(&format!("{EXECUTION}_count"))?,
            of(UNTRACKED)?,
            of(UNMATCHED)?,
            of(PENDING)?,
        ])
    };
    let before = now()?;
    driver.jobs(Ring::Alpha, count, Duration::from_micros(100), 0)?;
    driver.wait(Ring::Alpha)?;
    let after = now()?;
    let [jobs, executed, untracked, unmatched, pending] =
        [0, 1, 2, 3, 4].map(|at| after[at] - before[at]);
    let text = format!(
        "{jobs} jobs, {executed} executed, {untracked} forgotten, {unmatched} unmatched, \
         {pending} left"
    );
    let is_whole = (jobs, executed + untracked) == (f64::from(count), jobs);
    // The one that is on the device can be forgotten, too.
    let on_device = untracked - unmatched;
    let is_told = untracked > 0.0 && (0.0..jobs / 100.0).contains(&on_device);
    ensure!(is_whole && is_told && pending == 0.0, "{text}, of {count}");
    Ok(text)
}

fn nothing_lost(from: &Exposition, to: &Exposition) -> Result<()> {
    for metric in [UNMATCHED, UNTRACKED] {
        let lost = |page: &Exposition| page.sum(metric, &[]).unwrap_or(0.0);
        let lost = lost(to) - lost(from);
        ensure!(lost < 0.5, "{metric} grew by {lost}");
    }
    Ok(())
}

/// Shows the daemon a job, and waits until it knows the ring's name. The first job may come
/// before the daemon has seen the driver.
fn until_named(client: &mut Client, driver: &SchedTest, ring: Ring) -> Result<()> {
    let name = ring.to_string();
    // Of a job that begins while programs are being attached the end may be missed.
    let active = [("module", MODULE), ("state", "active")];
    wait::until("the module to be active", LIMIT, || {
        let state = client.metrics()?.sum("geophone_module_state", &active);
        Ok((state == Some(1.0)).then_some(()))
    })?;
    wait::until("the ring's series", LIMIT, || {
        driver.jobs(ring, 1, Duration::from_millis(1), 0)?;
        driver.wait(ring)?;
        let page = client.metrics()?;
        Ok(page.sum(JOBS, &[("ring", &name)]).map(drop))
    })
}
