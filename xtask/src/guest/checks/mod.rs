//! What must hold on every kernel.

mod block;
mod footprint;
mod gpu;
mod privileges;
mod runqueue;
mod states;
mod tcp;

use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use geophone_test_support::bracket::Comparison;
use geophone_test_support::client::Client;
use geophone_test_support::daemon::{Daemon, Options};
use geophone_test_support::kernel_module;
use geophone_test_support::kernel_objects::KernelObjects;
use geophone_test_support::loop_device::LoopDevice;
use geophone_test_support::network::Pair;
use rustix::process::Signal;

use crate::footprint::FOOTPRINT;
use crate::guest::report::{ATTACHMENTS, Check, Outcome};
use crate::guest::{ADDRESS, Which, attachments, drivers};
use crate::vm::image::DAEMON;

/// A verifier that refuses a program on some old kernel is heard in full.
const CONFIGURATION: &str = r#"
    log.level = "debug"
    modules.runqueue.per_cgroup = true
    modules.cudart.enabled = true
    modules.hip.enabled = true
    modules.nccl.enabled = true
"#;

/// A scenario on the running daemon.
type Scenario = fn(&mut Client) -> Result<String>;

const SCENARIOS: [(&str, Scenario); 31] = [
    ("runqueue", runqueue::machine),
    ("runqueue-groups", runqueue::groups),
    ("block_io", block::loop_device),
    ("block_io-queues", block::queues),
    ("block_io-removal", block::removal),
    ("block_io-multipath", block::multipath),
    ("block_io-linear", block::linear),
    ("block_io-stripes", block::stripes),
    ("block_io-full-disk", block::full_disk),
    ("block_io-bad-disk", block::bad_disk),
    ("block_io-bad-null_blk", block::bad_null_blk),
    ("block_io-requeues", block::requeues),
    ("tcp-connections", tcp::connections),
    ("tcp-refusals", tcp::refusals),
    ("tcp-round-trips", tcp::round_trips),
    ("tcp-retransmissions", tcp::retransmissions),
    ("tcp-syn", tcp::syn),
    ("tcp-syn_ack", tcp::syn_ack),
    ("tcp-fast", tcp::fast),
    ("tcp-rto", tcp::rto),
    ("tcp-tail_loss_probe", tcp::tail_loss_probe),
    ("dma_fence-waits", gpu::dma_fence_waits),
    ("dma_fence-in-flight", gpu::dma_fence_in_flight),
    ("dma_fence-crowd", gpu::dma_fence_crowd),
    ("dma_fence-abandoned", gpu::dma_fence_abandoned),
    ("gpu_scheduler-jobs", gpu::gpu_scheduler_jobs),
    ("gpu_scheduler-cancelled", gpu::gpu_scheduler_cancelled),
    ("gpu_scheduler-crowd", gpu::gpu_scheduler_crowd),
    ("nvidia", gpu::nvidia),
    ("cuda", gpu::cuda),
    ("libraries", gpu::libraries),
];

/// Of them, those whose sums are over the CPUs: most of which never come.
const OVER_CPUS: [(&str, Scenario); 6] = [
    ("runqueue", runqueue::machine),
    ("block_io", block::loop_device),
    ("block_io-queues", block::queues),
    ("tcp-connections", tcp::connections),
    ("tcp-fast", tcp::fast),
    ("dma_fence-waits", gpu::dma_fence_waits),
];

/// What came out so far.
#[derive(Default)]
struct Results {
    failed: u32,
}

impl Results {
    fn report(&mut self, name: &str, result: Result<String>) {
        let check = Check::new(name, result);
        self.failed += u32::from(check.outcome == Outcome::Fail);
        println!("{check}");
    }

    fn judge(self) -> Result<()> {
        match self.failed {
            0 => Ok(()),
            failed => bail!("{failed} checks failed"),
        }
    }
}

pub fn run(which: Which) -> Result<()> {
    let mut results = Results::default();
    results.report("loads", loads());
    match which {
        Which::All => all(&mut results),
        Which::AllAndFootprint => {
            results.report(FOOTPRINT, footprint::measure());
            all(&mut results);
        }
        Which::OverCpus => {
            results.report(FOOTPRINT, footprint::measure());
            with_daemon(&mut results, "", &OVER_CPUS);
        }
        // Of it no file system is made for this.
        Which::Service => bail!("systemd is not the first process"),
    }
    results.judge()
}

fn all(results: &mut Results) {
    with_daemon(results, CONFIGURATION, &SCENARIOS);
    let attachments = attachments::read().and_then(|all| Ok(serde_json::to_string(&all)?));
    results.report(ATTACHMENTS, attachments);
    results.report("fall-backs", states::fall_backs());
    results.report("ordinary-user", privileges::ordinary_user());
    // Last: times of the scenarios are measured on a kernel that nobody has traced before.
    results.report("drivers", left_behind().and_then(|()| drivers::check()));
    // Nothing undoes these, and drivers of one's own are not loaded any more.
    results.report("integrity", privileges::integrity());
    results.report("confidentiality", privileges::confidentiality());
}

fn with_daemon(results: &mut Results, configuration: &str, scenarios: &[(&str, Scenario)]) {
    let before = KernelObjects::loaded();
    let options = Options::new(DAEMON).address(ADDRESS);
    match options.configuration(configuration).start() {
        Err(error) => results.report("start", Err(error)),
        Ok(mut daemon) => {
            let start = format!("{:.1} s", daemon.start.as_secs_f64());
            results.report("start", Ok(start));
            results.report("modules", states::modules(&daemon));
            for (name, scenario) in scenarios {
                results.report(name, with_client(&daemon, *scenario));
            }
            results.report("stop", stop(&mut daemon, &before));
            println!("--- the daemon's log\n{}---", daemon.log());
        }
    }
}

/// A connection that asks for nothing at first is closed, and what a scenario sets up may take
/// long.
fn with_client(daemon: &Daemon, scenario: Scenario) -> Result<String> {
    let mut client = daemon.client()?;
    client.get("/-/ready", "")?;
    scenario(&mut client)
}

/// Unloads the driver that the daemon's program held.
fn left_behind() -> Result<()> {
    if kernel_module::is_loaded("nvidia") {
        kernel_module::unload("nvidia")?;
    }
    Ok(())
}

/// What the scenarios do to the kernel can be done here, daemon or not.
fn loads() -> Result<String> {
    let device = LoopDevice::new(1 << 20)?;
    let pair = Pair::new()?;
    pair.far.lose(1)?;
    Ok(format!("{} and a lossy wire", device.name()))
}

/// Whether the kernel's type information has a text.
fn is_named(text: &[u8]) -> Result<bool> {
    let btf = std::fs::read("/sys/kernel/btf/vmlinux").context("/sys/kernel/btf/vmlinux")?;
    Ok(btf.windows(text.len()).any(|bytes| bytes == text))
}

/// The daemon ends in time and the kernel holds what it held before.
fn stop(daemon: &mut Daemon, before: &KernelObjects) -> Result<String> {
    let during = KernelObjects::loaded().without(before);
    ensure!(
        !during.programs.is_empty(),
        "the daemon has no program loaded"
    );
    let (status, time) = daemon.stop(Signal::TERM)?;
    ensure!(status.success(), "the daemon ended with {status}");
    // In emulation twice what is promised. Without links to many functions the kernel detaches one
    // after the other.
    let is_fast = is_named(b"\0BPF_TRACE_UPROBE_MULTI\0")?;
    let limit = Duration::from_secs(if is_fast { 2 } else { 10 });
    ensure!(time < limit, "the daemon took {:.1} s", time.as_secs_f64());
    during.freed()?;
    Ok(format!(
        "after {} ms, {} programs, {} maps and {} links freed",
        time.as_millis(),
        during.programs.len(),
        during.maps.len(),
        during.links.len()
    ))
}

/// Each is equal, a missed run being worth one event.
fn equal(comparisons: &[Comparison]) -> Result<String> {
    comparisons
        .iter()
        .try_for_each(|comparison| comparison.equal(1.0))?;
    Ok(join(comparisons))
}

fn join(comparisons: &[Comparison]) -> String {
    let texts: Vec<String> = comparisons.iter().map(ToString::to_string).collect();
    texts.join("; ")
}
