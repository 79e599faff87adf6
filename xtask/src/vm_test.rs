//! `cargo xtask vm-test`: the daemon on every kernel it promises to run on.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail};
use clap::ValueEnum;

use crate::footprint::{FOOTPRINT, Footprint};
use crate::grid::{self, Attachment};
use crate::guest::Which;
use crate::guest::report::{ATTACHMENTS, Check, Outcome};
use crate::vm::builds::Builds;
use crate::vm::kernel::Kernel;
use crate::vm::machine;
use crate::vm::system::{Plan, System};

/// Boot Debian's kernels in qemu and test the daemon on each
///
/// Kernels are fetched with apt once, with what builds the drivers of tests/drivers for
/// them, and kept under target/vm/, with the console of the last boot. Needs
/// qemu-system-x86, dmsetup, iproute2, nftables, xz-utils and binutils, and root or user
/// namespaces; for arm64 qemu-system-arm and what `cargo xtask cross` needs.
#[derive(clap::Args)]
pub struct Arguments {
    /// Kernel to boot; may be repeated [default: all]
    #[arg(long = "kernel", value_name = "NAME")]
    kernels: Vec<Kernel>,
    /// Daemon to test on x86-64 [default: a release build of this tree]
    #[arg(long, value_name = "PATH")]
    binary: Option<PathBuf>,
    /// Machines at a time [default: one per two cores, because times are measured in them]
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,
    /// Seconds after which a machine is switched off
    #[arg(long, value_name = "SECONDS", default_value_t = 360)]
    timeout: u64,
    /// Write what attaches where into docs/kernels.md, instead of comparing; with all kernels only
    #[arg(long)]
    write: bool,
}

/// The kernel on which the daemon's footprint is measured, on a second machine, too, that may get
/// this many CPUs; and with whose suite's systemd the service is tested, on a third.
const COMPARED: (Kernel, usize) = (Kernel::Bookworm, 255);

struct Boot {
    kernel: Kernel,
    machine: String,
    console: PathBuf,
    result: Result<Vec<Check>>,
}

fn plans(kernel: Kernel) -> Vec<Plan> {
    let machine = kernel.name().to_owned();
    let (compared, cpus) = COMPARED;
    if kernel != compared {
        return vec![Plan {
            machine,
            which: Which::All,
            possible: None,
        }];
    }
    let many = Plan {
        machine: format!("{machine}-{cpus}-cpus"),
        which: Which::OverCpus,
        possible: Some(cpus),
    };
    let service = Plan {
        machine: format!("{machine}-service"),
        which: Which::Service,
        possible: None,
    };
    let plain = Plan {
        machine,
        which: Which::AllAndFootprint,
        possible: None,
    };
    vec![plain, many, service]
}

pub fn run(root: &Path, arguments: &Arguments) -> Result<()> {
    let kernels = match arguments.kernels.as_slice() {
        [] => Kernel::value_variants().to_vec(),
        some => some.to_vec(),
    };
    let builds = Builds::make(root, &kernels, arguments.binary.as_deref())?;
    let cores = thread::available_parallelism()?.get();
    let jobs = arguments.jobs.unwrap_or(cores / 2).clamp(1, kernels.len());
    let limit = Duration::from_secs(arguments.timeout);

    let pending = Mutex::new(VecDeque::from(kernels.clone()));
    let boots = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                loop {
                    // Not while the machine runs, which the others would wait for.
                    let next = lock(&pending).pop_front();
                    let Some(kernel) = next else { break };
                    for boot in boot(root, kernel, &builds, limit) {
                        lock(&boots).push(boot);
                    }
                }
            });
        }
    });
    let mut boots = boots.into_inner().unwrap_or_else(PoisonError::into_inner);
    boots.sort_by_key(|boot| kernels.iter().position(|kernel| *kernel == boot.kernel));
    print_table(&boots);
    judge(&boots)?;
    compare_footprints(&boots)?;
    // The grid is of all.
    if kernels.len() < Kernel::value_variants().len() {
        return Ok(());
    }
    let plain = boots
        .iter()
        .filter(|boot| boot.machine == boot.kernel.name());
    let found: Vec<_> = plain.map(attachments).collect::<Result<_>>()?;
    grid::publish(root, &found, arguments.write)
}

fn attachments(boot: &Boot) -> Result<(&'static str, Vec<Attachment>)> {
    let mut checks = boot.result.iter().flatten();
    let check = checks.find(|check| check.name == ATTACHMENTS);
    let check = check.context("the guest did not tell where the programs attach")?;
    Ok((boot.kernel.name(), serde_json::from_str(&check.detail)?))
}

/// Boots the machines of a kernel, one after the other.
fn boot(root: &Path, kernel: Kernel, builds: &Builds, limit: Duration) -> Vec<Boot> {
    let directory = root.join("target/vm").join(kernel.name());
    let plans = plans(kernel);
    let system = System::provide(root, kernel, &plans, builds, &directory);
    let boot = |plan: &Plan| {
        let console = directory.join(format!("{}.log", plan.machine));
        let start = Instant::now();
        let result = match &system {
            Ok(system) => system.boot(plan, &console, limit),
            Err(error) => Err(anyhow!("{error:#}")),
        };
        println!("{:<15} done after {:.0?}", plan.machine, start.elapsed());
        Boot {
            kernel,
            machine: plan.machine.clone(),
            console,
            result,
        }
    };
    plans.iter().map(boot).collect()
}

/// The footprints beside each other, where there are two.
fn compare_footprints(boots: &[Boot]) -> Result<()> {
    let mut found = Vec::new();
    for boot in boots {
        if let Some(footprint) = boot.result.as_deref().ok().and_then(Footprint::of) {
            found.push((&boot.machine, footprint?));
        }
    }
    for (machine, footprint) in &found {
        println!("{machine:<15} {}", footprint.describe());
    }
    let [(_, plain), (machine, many)] = &*found else {
        return Ok(());
    };
    println!("{machine:<15} {}\n", many.beside(plain)?);
    Ok(())
}

fn print_table(boots: &[Boot]) {
    println!("\n{:<15} {:<24} {:<5} detail", "machine", "check", "");
    for boot in boots {
        match &boot.result {
            Ok(checks) => {
                for Check {
                    name,
                    outcome,
                    detail,
                } in checks
                {
                    let detail = match name.as_str() {
                        ATTACHMENTS => "see docs/kernels.md",
                        FOOTPRINT => "see below",
                        _ => detail,
                    };
                    println!("{:<15} {name:<24} {outcome:<5} {detail}", boot.machine);
                }
            }
            Err(error) => println!("{:<15} {:<24} FAIL  {error:#}", boot.machine, "boot"),
        }
    }
    println!();
}

fn judge(boots: &[Boot]) -> Result<()> {
    let bad = |boot: &&Boot| match &boot.result {
        Ok(checks) => checks.iter().any(|check| check.outcome == Outcome::Fail),
        Err(_) => true,
    };
    let failed: Vec<&Boot> = boots.iter().filter(bad).collect();
    for boot in &failed {
        eprintln!("--- the end of {}", boot.console.display());
        let text = machine::read(&boot.console).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines
            .iter()
            .skip(lines.len().saturating_sub(40))
            .for_each(|line| eprintln!("{line}"));
    }
    match failed.len() {
        0 => Ok(()),
        count => bail!("{count} of {} machines failed", boots.len()),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
