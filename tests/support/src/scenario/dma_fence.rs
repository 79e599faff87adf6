//! Fences that signal after known times, against those times and the kernel's own tracing.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::bracket::{Comparison, Reading};
use crate::client::Client;
use crate::exposition::Exposition;
use crate::oracle::tracepoint::Tracepoint;
use crate::vgem::{Access, Buffer, Vgem};
use crate::wait;

const INITIALISED: &str = "geophone_dma_fence_initialised_total";
const IN_FLIGHT: &str = "geophone_dma_fence_in_flight";
const ABANDONED: &str = "geophone_dma_fence_abandoned_total";
const LATENCY: &str = "geophone_dma_fence_latency_seconds";
const WAIT: &str = "geophone_dma_fence_wait_seconds";
const UNMATCHED: &str = "geophone_dma_fence_unmatched_total";
const UNTRACKED: &str = "geophone_dma_fence_untracked_total";

/// Both are what `drivers/gpu/drm/vgem/vgem_fence.c` calls its fences.
const VGEM: [(&str, &str); 2] = [("driver", "vgem"), ("timeline", "unbound")];
const CONTAINER: [(&str, &str); 1] = [("driver", "dma_fence_array")];

/// What fences and threads are told to wait.
const TIMES: [u64; 9] = [20, 30, 40, 50, 60, 70, 80, 90, 100];

/// Time of the test's own clock.
#[derive(Default)]
struct Passed {
    latency: Duration,
    wait: Duration,
}

/// Counts, which are to be equal, then seconds of latency and of waiting.
pub fn waits(client: &mut Client, device: &Vgem) -> Result<(Vec<Comparison>, [Comparison; 2])> {
    let buffer = device.buffer()?;
    until_named(client, device, &buffer)?;
    let made = Tracepoint::count("dma_fence/dma_fence_init")?;
    let signaled = Tracepoint::count("dma_fence/dma_fence_signaled")?;
    let waited = Tracepoint::count("dma_fence/dma_fence_wait_end")?;
    let events = || Ok([made.events()?, signaled.events()?, waited.events()?]);
    let from = Reading::take(client, events)?;
    let mut passed = Passed::default();
    for time in TIMES {
        one(device, &buffer, Duration::from_millis(time), &mut passed)?;
    }
    let to = Reading::take(client, events)?;
    let of_metric = |metric: &str| {
        let metric = metric.to_owned();
        move |page: &Exposition| page.sum(&metric, &VGEM)
    };
    let counted = |what: &str, metric: &str, event: usize| {
        Comparison::between(
            what,
            "dma_fence",
            (&from, &to),
            of_metric(metric),
            |earlier, later| (later[event] - earlier[event]) as f64,
        )
    };
    let timed = |what: &str, metric: &str, time: Duration| {
        let seconds = time.as_secs_f64();
        let readings = (&from, &to);
        Comparison::between(what, "dma_fence", readings, of_metric(metric), |_, _| {
            seconds
        })
    };
    for metric in [UNMATCHED, UNTRACKED] {
        let lost = |page: &Exposition| page.sum(metric, &[]).unwrap_or(0.0);
        let lost = lost(&to.page) - lost(&from.page);
        ensure!(lost < 0.5, "{metric} grew by {lost}");
    }
    let counts = vec![
        counted("fences made", INITIALISED, 0)?,
        counted("fences signaled", &format!("{LATENCY}_count"), 1)?,
        counted("waits", &format!("{WAIT}_count"), 2)?,
    ];
    let times = [
        timed(
            "seconds of latency",
            &format!("{LATENCY}_sum"),
            passed.latency,
        )?,
        timed("seconds of waiting", &format!("{WAIT}_sum"), passed.wait)?,
    ];
    Ok((counts, times))
}

/// A thread signals after `time` what this one waits for.
fn one(device: &Vgem, buffer: &Buffer, time: Duration, passed: &mut Passed) -> Result<()> {
    let begin = Instant::now();
    let fence = device.attach(buffer, Access::Write)?;
    let (latency, wait) = thread::scope(|scope| {
        let signaller = scope.spawn(|| {
            thread::sleep(time);
            device.signal(fence).map(|()| begin.elapsed())
        });
        let begin = Instant::now();
        let waited = buffer.wait().map(|()| begin.elapsed());
        let signaled = signaller.join();
        let signaled = signaled.map_err(|_| anyhow::anyhow!("the signaller panicked"));
        Ok::<_, anyhow::Error>((signaled??, waited?))
    })?;
    passed.latency += latency;
    passed.wait += wait;
    Ok(())
}

/// Fences in flight are as many as were made and have not signaled.
pub fn in_flight(client: &mut Client, device: &Vgem, count: u32) -> Result<String> {
    until_named(client, device, &device.buffer()?)?;
    let mut now = || -> Result<f64> {
        let page = Reading::take(client, || Ok(()))?.page;
        page.sum(IN_FLIGHT, &VGEM).context("no fences in flight")
    };
    let before = now()?;
    let buffers = (0..count).map(|_| device.buffer());
    let buffers = buffers.collect::<Result<Vec<_>>>()?;
    let fences = buffers
        .iter()
        .map(|buffer| device.attach(buffer, Access::Write));
    let fences = fences.collect::<Result<Vec<_>>>()?;
    let during = now()?;
    fences.iter().try_for_each(|fence| device.signal(*fence))?;
    let after = now()?;
    ensure!(
        (during - before, after - before) == (f64::from(count), 0.0),
        "{before}, then {during} with {count} more, then {after}"
    );
    Ok(format!("{before}, {during}, {after} in flight"))
}

/// More fences at a time than there are places for: each is in flight or forgotten, and its
/// signal is a latency or unmatched. `fences` on each of `buffers`, whose signals come from
/// several threads at once.
pub fn crowd(client: &mut Client, device: &Vgem, buffers: u32, fences: u32) -> Result<String> {
    const LATENCIES: &str = "geophone_dma_fence_latency_seconds_count";
    until_named(client, device, &device.buffer()?)?;
    let mut now = || -> Result<_> {
        let page = Reading::take(client, || Ok(()))?.page;
        let of = |metric: &str| page.sum(metric, &[]).with_context(|| metric.to_owned());
        Ok([
            of(IN_FLIGHT)?,
            of(UNTRACKED)?,
            of(LATENCIES)?,
            of(UNMATCHED)?,
        ])
    };
    let before = now()?;
    let mut groups = Vec::new();
    for _ in 0..buffers {
        let buffer = device.buffer()?;
        let fences = (0..fences).map(|_| device.attach(&buffer, Access::Read));
        groups.push(fences.collect::<Result<Vec<_>>>()?);
    }
    let during = now()?;
    thread::scope(|scope| {
        let signal = |group: Vec<u32>| group.iter().try_for_each(|it| device.signal(*it));
        let each = groups.into_iter();
        let threads: Vec<_> = each
            .map(|group| scope.spawn(move || signal(group)))
            .collect();
        threads.into_iter().try_for_each(|thread| {
            let ended = thread.join();
            ended.map_err(|_| anyhow::anyhow!("a signaller panicked"))?
        })
    })?;
    let after = now()?;
    let grown = |to: [f64; 4], from: [f64; 4]| [0, 1, 2, 3].map(|at| to[at] - from[at]);
    let [in_flight, forgotten, ..] = grown(during, before);
    let [left, _, latencies, unmatched] = grown(after, before);
    let text = format!(
        "{in_flight} in flight and {forgotten} forgotten, then {latencies} latencies and \
         {unmatched} unmatched, {left} left"
    );
    let all = f64::from(buffers * fences);
    let is_whole = (in_flight + forgotten, latencies + unmatched) == (all, all);
    ensure!(
        is_whole && forgotten > 0.0 && (forgotten, left) == (unmatched, 0.0),
        "{text}, of {all}"
    );
    Ok(text)
}

/// Containers of fences that nobody looks at go without a signal. None where the kernel makes
/// no containers for those who ask.
pub fn abandoned(client: &mut Client, device: &Vgem, count: u64) -> Result<Option<Comparison>> {
    let buffer = device.buffer()?;
    let fences = [
        device.attach(&buffer, Access::Read)?,
        device.attach(&buffer, Access::Read)?,
    ];
    if buffer.container()?.is_none() {
        return Ok(None);
    }
    until(client, &CONTAINER)?;
    let from = Reading::take(client, || Ok(0))?;
    for _ in 0..count {
        drop(buffer.container()?);
    }
    let to = Reading::take(client, || Ok(count))?;
    fences.iter().try_for_each(|fence| device.signal(*fence))?;
    let left = to.page.sum(IN_FLIGHT, &CONTAINER);
    ensure!(left == Some(0.0), "{left:?} containers in flight");
    let comparison = Comparison::between(
        "fences abandoned",
        "dma_fence",
        (&from, &to),
        |page| page.sum(ABANDONED, &CONTAINER),
        |earlier, later| (later - earlier) as f64,
    )?;
    Ok(Some(comparison))
}

/// Shows the daemon a fence, and waits until it knows the name.
fn until_named(client: &mut Client, device: &Vgem, buffer: &Buffer) -> Result<()> {
    let fence = device.attach(buffer, Access::Write)?;
    device.signal(fence)?;
    until(client, &VGEM)
}

fn until(client: &mut Client, labels: &[(&str, &str)]) -> Result<()> {
    let limit = Duration::from_secs(20);
    wait::until("the timeline's series", limit, || {
        Ok(client.metrics()?.sum(INITIALISED, labels).map(drop))
    })
}
