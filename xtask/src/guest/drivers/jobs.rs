//! Jobs of the GPU scheduler.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};
use geophone_test_support::mount::FileSystem;
use geophone_test_support::oracle::tracepoint::Tracepoint;
use geophone_test_support::sched_test::{Ring, SchedTest};
use geophone_test_support::wait;

use crate::vm::image::DRIVERS;

/// Old and new name of a job's three steps.
const STEPS: [[&str; 2]; 3] = [
    ["drm_sched_job", "drm_sched_job_queue"],
    ["drm_run_job", "drm_sched_job_run"],
    ["drm_sched_process_job", "drm_sched_job_done"],
];

const ECANCELED: i32 = 125;

pub fn check() -> Result<String> {
    let driver = SchedTest::load(Path::new(DRIVERS))?;
    let tracing = FileSystem::of_kind("tracefs")?;
    let steps = STEPS.map(|names| {
        let names = names.map(|name| format!("gpu_scheduler/{name}"));
        let is_there = |name: &String| tracing.path().join("events").join(name).exists();
        let newer = is_there(&names[1]);
        Tracepoint::count(&names[usize::from(newer)])
    });
    let [queued, run, done] = steps;
    let (queued, run, done) = (queued?, run?, done?);

    let time = Duration::from_millis(20);
    driver.jobs(Ring::Alpha, 3, time, 0)?;
    driver.jobs(Ring::Alpha, 2, time, ECANCELED)?;
    driver.wait(Ring::Alpha)?;
    let all = driver.counts(Ring::Alpha)?;
    let counted = [all.queued, all.run, all.done, all.failed, all.killed];
    ensure!(counted == [5, 5, 5, 2, 0], "alpha: {all:?}");
    // The first runs at once, and each other waits for those before it.
    ensure!(
        all.run_time >= 5 * time && all.queue_time >= 6 * time,
        "too short: {all:?}"
    );
    let traced = [queued.events()?, run.events()?, done.events()?];
    ensure!(traced == [5, 5, 5], "traced {traced:?}");

    driver.jobs(Ring::Beta, 4, 10 * time, 0)?;
    running(&driver)?;
    driver.kill(Ring::Beta)?;
    driver.jobs(Ring::Beta, 1, time, 0)?;
    driver.wait(Ring::Beta)?;
    let all = driver.counts(Ring::Beta)?;
    let counted = [all.queued, all.run, all.done, all.failed, all.killed];
    ensure!(counted == [5, 2, 2, 0, 3], "beta: {all:?}");
    let traced = [queued.events()?, run.events()?, done.events()?];
    Ok(format!("{traced:?} jobs traced, 3 of 10 killed"))
}

/// Until the first job is on the hardware.
fn running(driver: &SchedTest) -> Result<()> {
    wait::until("a job that runs", Duration::from_secs(10), || {
        Ok((driver.counts(Ring::Beta)?.run > 0).then_some(()))
    })
}
