//! What must hold on every kernel.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use caps::Capability;
use geophone_test_support::bracket::Comparison;
use geophone_test_support::client::Client;
use geophone_test_support::cuda::Driver;
use geophone_test_support::daemon::{Daemon, Options};
use geophone_test_support::kernel_objects::KernelObjects;
use geophone_test_support::loop_device::LoopDevice;
use geophone_test_support::mount::FileSystem;
use geophone_test_support::multipath::Multipath;
use geophone_test_support::network::Pair;
use geophone_test_support::nvidia_test::{NvidiaTest, Variant};
use geophone_test_support::sched_test::SchedTest;
use geophone_test_support::scsi_debug::ScsiDebug;
use geophone_test_support::vgem::Vgem;
use geophone_test_support::{kernel_module, privileges, scenario};
use rustix::mount::{MountFlags, mount};
use rustix::process::Signal;

use crate::guest::report::{ATTACHMENTS, Check, Outcome};
use crate::guest::{attachments, drivers};
use crate::vm::image::{CUDA, DAEMON, DRIVERS};

const ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 10435);
const MODULES: [&str; 4] = ["runqueue", "block_io", "tcp", "dma_fence"];

/// How long the scheduler's load works.
const SCHEDULE: Duration = Duration::from_secs(3);

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

const SCENARIOS: [(&str, Scenario); 21] = [
    ("runqueue", runqueue),
    ("runqueue-groups", runqueue_groups),
    ("block_io", block_io),
    ("block_io-multipath", block_io_multipath),
    ("block_io-full-disk", block_io_full_disk),
    ("block_io-bad-disk", block_io_bad_disk),
    ("block_io-requeues", block_io_requeues),
    ("tcp-connections", tcp_connections),
    ("tcp-refusals", tcp_refusals),
    ("tcp-round-trips", tcp_round_trips),
    ("tcp-retransmissions", tcp_retransmissions),
    ("dma_fence-waits", dma_fence_waits),
    ("dma_fence-in-flight", dma_fence_in_flight),
    ("dma_fence-crowd", dma_fence_crowd),
    ("dma_fence-abandoned", dma_fence_abandoned),
    ("gpu_scheduler-jobs", gpu_scheduler_jobs),
    ("gpu_scheduler-cancelled", gpu_scheduler_cancelled),
    ("gpu_scheduler-crowd", gpu_scheduler_crowd),
    ("nvidia", nvidia),
    ("cuda", cuda),
    ("libraries", libraries),
];

pub fn run() -> Result<()> {
    let mut failed = 0;
    let mut report = |name: &str, result| {
        let check = Check::new(name, result);
        failed += u32::from(check.outcome == Outcome::Fail);
        println!("{check}");
    };
    report("loads", loads());
    let before = KernelObjects::loaded();
    match Options::new(DAEMON)
        .address(ADDRESS)
        .configuration(CONFIGURATION)
        .start()
    {
        Err(error) => report("start", Err(error)),
        Ok(mut daemon) => {
            report("start", Ok(format!("{:.1} s", daemon.start.as_secs_f64())));
            report("modules", modules(&daemon));
            for (name, scenario) in SCENARIOS {
                report(
                    name,
                    daemon.client().and_then(|mut client| scenario(&mut client)),
                );
            }
            report("stop", stop(&mut daemon, &before));
            println!("--- the daemon's log\n{}---", daemon.log());
        }
    }
    let attachments = attachments::read().and_then(|all| Ok(serde_json::to_string(&all)?));
    report(ATTACHMENTS, attachments);
    report("fall-backs", fall_backs());
    report("ordinary-user", ordinary_user());
    // Last: times of the scenarios are measured on a kernel that nobody has traced before.
    report("drivers", left_behind().and_then(|()| drivers::check()));
    // Nothing undoes it.
    report("confidentiality", confidentiality());
    if failed > 0 {
        bail!("{failed} checks failed");
    }
    Ok(())
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

fn modules(daemon: &Daemon) -> Result<String> {
    let page = daemon.client()?.metrics()?;
    let states = page.module_states();
    for module in MODULES {
        let state = states.get(module);
        ensure!(state == Some(&"active"), "{module} is {state:?}");
    }
    let log = daemon.log();
    let fall_back = log.lines().find(|line| line.contains("on a fall-back"));
    ensure!(fall_back.is_none(), "{}", fall_back.unwrap_or_default());
    Ok(format!("{} active", MODULES.join(", ")))
}

/// Somebody with the two capabilities that tracing takes measures the same. Records of
/// tracepoints are closed to others than root.
fn ordinary_user() -> Result<String> {
    let daemon = Options::new(DAEMON)
        .address(ADDRESS)
        .as_ordinary_user()
        .start()?;
    let mut client = daemon.client()?;
    let page = client.metrics()?;
    let states = page.module_states();
    let expected = [
        ("runqueue", "active"),
        ("block_io", "active"),
        ("tcp", "active"),
        ("dma_fence", "degraded"),
    ];
    for (module, expected) in expected {
        let state = states.get(module);
        ensure!(
            state == Some(&expected),
            "{module} is {state:?}:\n{}",
            daemon.log()
        );
    }
    let threads = privileges::of_threads(daemon.id())?;
    let sweeps = threads.iter().find(|thread| thread.name == "sweep");
    let sweeps = sweeps.context("no thread sweeps")?;
    ensure!(
        sweeps.permitted.is_empty() || sweeps.permitted == [Capability::CAP_BPF].into(),
        "{sweeps:?}"
    );
    let connections = tcp_connections(&mut client)?;
    let waits = runqueue(&mut client)?;
    let requests = block_io(&mut client)?;
    Ok(format!(
        "sweeps with {:?}; {connections}; {waits}; {requests}",
        sweeps.permitted
    ))
}

/// The programs that are taken where there are no BTF tracepoints measure the same.
fn fall_backs() -> Result<String> {
    let daemon = Options::new(DAEMON)
        .address(ADDRESS)
        .configuration("hooks.avoid = \"tp_btf\"\n")
        .start()?;
    let mut client = daemon.client()?;
    let page = client.metrics()?;
    let attached = page.select("geophone_program_attached", &[]);
    let attached = attached.filter(|sample| sample.value > 0.0);
    let hooks: Vec<&str> = attached.filter_map(|it| it.label("hook")).collect();
    let typed = hooks.iter().find(|hook| hook.starts_with("tp_btf"));
    ensure!(typed.is_none(), "{hooks:?}");
    for module in MODULES {
        let states = page.module_states();
        let state = states.get(module);
        ensure!(
            state == Some(&"active"),
            "{module} is {state:?}:\n{}",
            daemon.log()
        );
    }
    let scenarios: [Scenario; 5] = [
        runqueue,
        block_io,
        tcp_connections,
        tcp_retransmissions,
        dma_fence_waits,
    ];
    let details = scenarios.into_iter().map(|it| it(&mut client));
    let details: Vec<String> = details.collect::<Result<_>>()?;
    Ok(details.join("; "))
}

/// Where the kernel keeps its memory from everybody, whatever is measured is said, and why the
/// rest is not.
fn confidentiality() -> Result<String> {
    const LOCKDOWN: &str = "/sys/kernel/security/lockdown";
    let security = Path::new("/sys/kernel/security");
    if !Path::new(LOCKDOWN).exists() {
        let flags = MountFlags::empty();
        mount("securityfs", security, "securityfs", flags, None).context("securityfs")?;
    }
    std::fs::write(LOCKDOWN, "confidentiality").context(LOCKDOWN)?;
    let daemon = Options::new(DAEMON).address(ADDRESS).start()?;
    let page = daemon.client()?.metrics()?;
    let states = page.module_states();
    let state = |module| states.get(module).copied().unwrap_or("not there");
    let states = MODULES.map(|module| format!("{module} {}", state(module)));
    let states = states.join(", ");
    let expected = "runqueue active, block_io active, tcp degraded, dma_fence degraded";
    let log = daemon.log();
    let is_said = log.contains("as under lockdown=confidentiality");
    ensure!(states == expected && is_said, "{states}:\n{log}");
    Ok(states)
}

fn runqueue(client: &mut Client) -> Result<String> {
    Ok(join(&scenario::runqueue::machine(client, SCHEDULE, 0.0)?))
}

fn runqueue_groups(client: &mut Client) -> Result<String> {
    Ok(join(&scenario::runqueue::groups(client, SCHEDULE, 0.0)?))
}

fn block_io(client: &mut Client) -> Result<String> {
    let device = LoopDevice::new(16 << 20)?;
    requests(client, &[&device.name()])
}

/// What goes through request-based device mapper is counted once there and once on its path.
fn block_io_multipath(client: &mut Client) -> Result<String> {
    with_scsi_debug(|disk| {
        let device = Multipath::over(disk.name())?;
        requests(client, &[device.name(), disk.name()])
    })
}

fn requests(client: &mut Client, devices: &[&str]) -> Result<String> {
    let outcomes = scenario::block_io::compare_each(client, devices, 500)?;
    outcomes.iter().try_for_each(|outcome| outcome.equal(0.0))?;
    let comparisons: Vec<_> = outcomes
        .into_iter()
        .map(|outcome| outcome.requests)
        .collect();
    Ok(join(&comparisons))
}

fn block_io_full_disk(client: &mut Client) -> Result<String> {
    equal(&scenario::block_errors::full_disk(client)?)
}

fn block_io_bad_disk(client: &mut Client) -> Result<String> {
    with_scsi_debug(|disk| equal(&scenario::block_errors::bad_disk(client, disk)?))
}

fn block_io_requeues(client: &mut Client) -> Result<String> {
    with_scsi_debug(|disk| equal(&[scenario::block_errors::forgetful_disk(client, disk)?]))
}

/// Debian's kernels for x86-64 all have it, those for arm64 do not.
fn with_scsi_debug(test: impl FnOnce(&ScsiDebug) -> Result<String>) -> Result<String> {
    if cfg!(target_arch = "x86_64") || kernel_module::is_loaded("scsi_debug") {
        test(&ScsiDebug::find()?)
    } else {
        Ok("not tried: this kernel has no scsi_debug".to_owned())
    }
}

fn tcp_round_trips(client: &mut Client) -> Result<String> {
    // Long beside what emulation takes to handle a packet while the machine does something else.
    let comparisons = scenario::tcp::round_trips(client, 5, Duration::from_millis(150))?;
    comparisons
        .iter()
        .try_for_each(|comparison| comparison.within(0.1))?;
    Ok(join(&comparisons))
}

fn tcp_connections(client: &mut Client) -> Result<String> {
    equal(&scenario::tcp::connections(client, 20)?)
}

fn tcp_refusals(client: &mut Client) -> Result<String> {
    let refusals = scenario::tcp::refusals(client, 20)?;
    refusals.failed.equal(1.0)?;
    refusals.received.equal(1.0)?;
    // Kernels that give a reason with a reset also trace those for which there is no socket.
    if is_named(b"\0sk_rst_reason\0")? {
        refusals.sent.equal(1.0)?;
    }
    Ok(join(&[refusals.failed, refusals.received, refusals.sent]))
}

fn tcp_retransmissions(client: &mut Client) -> Result<String> {
    equal(&scenario::tcp::retransmissions(client, 2, 8 << 20)?)
}

fn dma_fence_waits(client: &mut Client) -> Result<String> {
    with_vgem(|device| {
        let (counts, times) = scenario::dma_fence::waits(client, device)?;
        times.iter().try_for_each(|times| times.within(0.1))?;
        Ok(format!("{}; {}", equal(&counts)?, join(&times)))
    })
}

fn dma_fence_in_flight(client: &mut Client) -> Result<String> {
    with_vgem(|device| scenario::dma_fence::in_flight(client, device, 5))
}

/// There are places for 2,048.
fn dma_fence_crowd(client: &mut Client) -> Result<String> {
    with_vgem(|device| scenario::dma_fence::crowd(client, device, 50, 60))
}

fn dma_fence_abandoned(client: &mut Client) -> Result<String> {
    with_vgem(
        |device| match scenario::dma_fence::abandoned(client, device, 5)? {
            Some(abandoned) => equal(&[abandoned]),
            None => Ok("not tried: this kernel makes no containers of fences".to_owned()),
        },
    )
}

fn with_vgem(test: impl FnOnce(&Vgem) -> Result<String>) -> Result<String> {
    match Vgem::find()? {
        Some(device) => test(&device),
        None => Ok("not tried: this kernel has no vgem".to_owned()),
    }
}

fn gpu_scheduler_jobs(client: &mut Client) -> Result<String> {
    let driver = SchedTest::load(Path::new(DRIVERS))?;
    let tracing = FileSystem::of_kind("tracefs")?;
    let events = tracing.path().join("events/gpu_scheduler");
    // Since they were declared stable they tell the device.
    let tells_device = events.join("drm_sched_job_queue").exists();
    let (counts, times) = scenario::gpu_scheduler::jobs(client, &driver, tells_device)?;
    times.iter().try_for_each(|times| times.within(0.1))?;
    Ok(format!("{}; {}", equal(&counts)?, join(&times)))
}

fn gpu_scheduler_cancelled(client: &mut Client) -> Result<String> {
    let driver = SchedTest::load(Path::new(DRIVERS))?;
    equal(&scenario::gpu_scheduler::cancelled(client, &driver)?)
}

/// There are places for 2,048.
fn gpu_scheduler_crowd(client: &mut Client) -> Result<String> {
    let driver = SchedTest::load(Path::new(DRIVERS))?;
    scenario::gpu_scheduler::crowd(client, &driver, 3000)
}

/// One driver after the other, as after updates of it.
fn nvidia(client: &mut Client) -> Result<String> {
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

fn cuda(client: &mut Client) -> Result<String> {
    scenario::cuda::calls(client, &Driver::at(Path::new(CUDA)))
}

fn libraries(client: &mut Client) -> Result<String> {
    scenario::libraries::calls(client, Path::new(CUDA))
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
