//! GPUs: fences, jobs, drivers and libraries.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use geophone_test_support::client::Client;
use geophone_test_support::cuda::Driver;
use geophone_test_support::mount::FileSystem;
use geophone_test_support::nvidia_test::{NvidiaTest, Variant};
use geophone_test_support::scenario::{self, dma_fence, gpu_scheduler};
use geophone_test_support::sched_test::SchedTest;
use geophone_test_support::vgem::Vgem;

use super::{equal, join};
use crate::vm::image::{CUDA, DRIVERS};

pub fn dma_fence_waits(client: &mut Client) -> Result<String> {
    with_vgem(|device| {
        let (counts, times) = dma_fence::waits(client, device)?;
        times.iter().try_for_each(|times| times.within(0.1))?;
        Ok(format!("{}; {}", equal(&counts)?, join(&times)))
    })
}

pub fn dma_fence_in_flight(client: &mut Client) -> Result<String> {
    with_vgem(|device| dma_fence::in_flight(client, device, 5))
}

/// There are places for 2,048.
pub fn dma_fence_crowd(client: &mut Client) -> Result<String> {
    with_vgem(|device| dma_fence::crowd(client, device, 50, 60))
}

pub fn dma_fence_abandoned(client: &mut Client) -> Result<String> {
    with_vgem(|device| match dma_fence::abandoned(client, device, 5)? {
        Some(abandoned) => equal(&[abandoned]),
        None => Ok("not tried: this kernel makes no containers of fences".to_owned()),
    })
}

fn with_vgem(test: impl FnOnce(&Vgem) -> Result<String>) -> Result<String> {
    match Vgem::find()? {
        Some(device) => test(&device),
        None => Ok("not tried: this kernel has no vgem".to_owned()),
    }
}

pub fn gpu_scheduler_jobs(client: &mut Client) -> Result<String> {
    let driver = SchedTest::load(Path::new(DRIVERS))?;
    let tracing = FileSystem::of_kind("tracefs")?;
    let events = tracing.path().join("events/gpu_scheduler");
    // Since they were declared stable they tell the device.
    let tells_device = events.join("drm_sched_job_queue").exists();
    let (counts, times) = gpu_scheduler::jobs(client, &driver, tells_device)?;
    times.iter().try_for_each(|times| times.within(0.1))?;
    Ok(format!("{}; {}", equal(&counts)?, join(&times)))
}

pub fn gpu_scheduler_cancelled(client: &mut Client) -> Result<String> {
    let driver = SchedTest::load(Path::new(DRIVERS))?;
    equal(&gpu_scheduler::cancelled(client, &driver)?)
}

/// There are places for 2,048.
pub fn gpu_scheduler_crowd(client: &mut Client) -> Result<String> {
    let driver = SchedTest::load(Path::new(DRIVERS))?;
    gpu_scheduler::crowd(client, &driver, 3000)
}

/// One driver after the other, as after updates of it.
pub fn nvidia(client: &mut Client) -> Result<String> {
    // Before 5.16 nothing else of the log passes its tracepoint than what goes to a console.
    let printk = "/proc/sys/kernel/printk";
    std::fs::write(printk, "7").context(printk)?;
    let mut details = Vec::new();
    for variant in [Variant::Log, Variant::Kprobe, Variant::Full] {
        let driver = NvidiaTest::load(Path::new(DRIVERS), variant)?;
        details.push(scenario::nvidia::counts(client, &driver, variant)?);
        // A program at the driver's own tracepoint holds it.
        let unloaded = driver.unload();
        ensure!(
            unloaded.is_ok() != (variant == Variant::Full),
            "{variant:?}: {unloaded:?}"
        );
    }
    Ok(details.join("; "))
}

pub fn cuda(client: &mut Client) -> Result<String> {
    scenario::cuda::calls(client, &Driver::at(Path::new(CUDA)))
}

pub fn libraries(client: &mut Client) -> Result<String> {
    scenario::libraries::calls(client, Path::new(CUDA))
}
