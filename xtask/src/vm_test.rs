//! `cargo xtask vm-test`: the daemon on every kernel it promises to run on.

use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use clap::ValueEnum;

use crate::grid::{self, Attachment};
use crate::guest::report::{ATTACHMENTS, Check, Outcome, parse};
use crate::vm::builds::Builds;
use crate::vm::drivers;
use crate::vm::image::{Contents, pack};
use crate::vm::kernel::{Files, Kernel};
use crate::vm::machine::{self, Machine};

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

struct Boot {
    kernel: Kernel,
    took: Duration,
    result: Result<Vec<Check>>,
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
                    let start = Instant::now();
                    let result = boot(root, kernel, &builds, limit);
                    let boot = Boot {
                        kernel,
                        took: start.elapsed(),
                        result,
                    };
                    println!("{:<12} done after {:.0?}", kernel.name(), boot.took);
                    lock(&boots).push(boot);
                }
            });
        }
    });
    let mut boots = boots.into_inner().unwrap_or_else(PoisonError::into_inner);
    boots.sort_by_key(|boot| kernels.iter().position(|kernel| *kernel == boot.kernel));
    print_table(&boots);
    judge(root, &boots)?;
    // The grid is of all.
    if kernels.len() < Kernel::value_variants().len() {
        return Ok(());
    }
    let found: Vec<_> = boots.iter().map(attachments).collect::<Result<_>>()?;
    grid::publish(root, &found, arguments.write)
}

fn attachments(boot: &Boot) -> Result<(&'static str, Vec<Attachment>)> {
    let mut checks = boot.result.iter().flatten();
    let check = checks.find(|check| check.name == ATTACHMENTS);
    let check = check.context("the guest did not tell where the programs attach")?;
    Ok((boot.kernel.name(), serde_json::from_str(&check.detail)?))
}

fn boot(root: &Path, kernel: Kernel, builds: &Builds, limit: Duration) -> Result<Vec<Check>> {
    let directory = directory(root, kernel);
    fs::create_dir_all(&directory)?;
    let files = Files::provide(kernel, &directory)?;
    let file_system = directory.join("initramfs.cpio");
    let sources = root.join("tests/drivers");
    let drivers = drivers::provide(
        &sources,
        &files.build_root,
        &directory.join("kernel/drivers"),
    )?;
    let architecture = kernel.architecture();
    let contents = Contents {
        architecture,
        userland: &files.userland,
        modules: &files.modules,
        for_drivers: &files.for_drivers,
        drivers: &drivers,
    };
    let archive = pack(builds.of(architecture)?, &contents, &directory)?;
    fs::write(&file_system, archive)?;
    let console = directory.join("console.log");
    let machine = Machine {
        architecture,
        image: files.image,
        file_system,
        console,
        limit,
    };
    let checks = parse(&machine.run()?);
    ensure!(
        checks.iter().any(|check| check.name == "finished"),
        "the machine ended before the tests did"
    );
    Ok(checks)
}

fn print_table(boots: &[Boot]) {
    println!("\n{:<12} {:<24} {:<5} detail", "kernel", "check", "");
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
                        _ => detail,
                    };
                    println!(
                        "{:<12} {name:<24} {outcome:<5} {detail}",
                        boot.kernel.name()
                    );
                }
            }
            Err(error) => println!("{:<12} {:<24} FAIL  {error:#}", boot.kernel.name(), "boot"),
        }
    }
    println!();
}

fn judge(root: &Path, boots: &[Boot]) -> Result<()> {
    let bad = |boot: &&Boot| match &boot.result {
        Ok(checks) => checks.iter().any(|check| check.outcome == Outcome::Fail),
        Err(_) => true,
    };
    let failed: Vec<Kernel> = boots.iter().filter(bad).map(|boot| boot.kernel).collect();
    for kernel in &failed {
        let console = directory(root, *kernel).join("console.log");
        eprintln!("--- the end of {}", console.display());
        let text = machine::read(&console).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines
            .iter()
            .skip(lines.len().saturating_sub(40))
            .for_each(|line| eprintln!("{line}"));
    }
    match failed.len() {
        0 => Ok(()),
        count => bail!("{count} of {} kernels failed", boots.len()),
    }
}

fn directory(root: &Path, kernel: Kernel) -> PathBuf {
    root.join("target/vm").join(kernel.name())
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
