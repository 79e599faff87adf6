//! `cargo xtask fuzz`: the targets of tests/fuzz, each for a while.

mod build;
mod figures;
mod target;

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::thread;

use anyhow::{Result, bail, ensure};

use self::target::{Outcome, Target};

/// Feed hostile input to everything that reads what others wrote
///
/// Builds the targets of tests/fuzz with coverage and AddressSanitizer, and runs each from its
/// seeds and from what earlier runs found, which is kept under target/fuzz/corpus/. Prints
/// what each did. Fails if an input makes one crash, hang, take too much memory or break what
/// it asserts, and says where that input is; and if one ran hardly more than it began with.
#[derive(clap::Args)]
pub struct Arguments {
    /// Run only these [default: all]
    target: Vec<String>,
    /// Seconds to run each for
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    seconds: u32,
    /// Targets to run at a time [default: one for each CPU]
    #[arg(long, value_name = "NUMBER")]
    jobs: Option<NonZeroUsize>,
}

pub fn run(root: &Path, arguments: &Arguments) -> Result<()> {
    let known = target::names(root)?;
    let unknown = arguments.target.iter().find(|name| !known.contains(name));
    if let Some(unknown) = unknown {
        bail!("no target {unknown}: there are {}", known.join(", "));
    }
    let mut wanted = known;
    wanted.retain(|name| arguments.target.is_empty() || arguments.target.contains(name));
    let programs = build::run(root)?;
    let targets = wanted.iter().map(|name| Target::new(root, &programs, name));
    let queue = Mutex::new(targets.collect::<Result<VecDeque<_>>>()?);
    let jobs = match arguments.jobs {
        Some(jobs) => jobs,
        None => thread::available_parallelism()?,
    };
    eprintln!("{} targets, {} s each ...", wanted.len(), arguments.seconds);
    println!("{}", figures::HEADING);
    let next = || {
        let mut queue = queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.pop_front()
    };
    let work = || {
        let mut failures = Vec::new();
        while let Some(target) = next() {
            match target.run(arguments.seconds)? {
                Outcome::Held(figures) => println!("{}", figures.row(&target.name)),
                Outcome::Failed(report) => {
                    eprintln!("{report}");
                    failures.push(target.name);
                }
            }
        }
        Ok::<_, anyhow::Error>(failures)
    };
    let failures: Vec<String> = thread::scope(|scope| {
        let workers: Vec<_> = (0..jobs.get()).map(|_| scope.spawn(work)).collect();
        let mut failures = Vec::new();
        for worker in workers {
            match worker.join() {
                Ok(found) => failures.extend(found?),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        Ok::<_, anyhow::Error>(failures)
    })?;
    ensure!(failures.is_empty(), "failed: {}", failures.join(", "));
    Ok(())
}
