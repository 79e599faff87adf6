//! `cargo xtask soak`: the daemon under loads as heavy as the machine allows.

mod connections;
mod files;
mod forks;
mod groups;
mod load;
mod mixed;
mod slope;
mod steady;
mod switches;
mod watch;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, ensure};
use geophone_test_support::daemon::Options;
use geophone_test_support::load::busy::Busy;

use self::connections::Connections;
pub use self::connections::hold;
use self::forks::Forks;
use self::groups::Groups;
use self::load::{Load, alone, watched};
use self::switches::Switches;
use self::watch::Watching;
use crate::release;
use crate::row::{Row, Unit, print};

type Make = fn() -> Result<Box<dyn Load>>;

/// As Prometheus would on a bad day.
const SCRAPES: Duration = Duration::from_secs(1);

/// Hold the daemon's counts against the kernel's under heavy load, and watch it for long
/// under a mixed one
///
/// Prints the throughput of each load with the daemon as a share of that without, measured in
/// turn; then how memory grows. Fails when a count is not the kernel's, a counter falls,
/// memory grows or the daemon warns. Needs root and a machine that does nothing else.
#[derive(clap::Args)]
pub struct Arguments {
    /// Daemon to load [default: a release build of this tree]
    #[arg(long, value_name = "PATH")]
    binary: Option<PathBuf>,
    /// How often each load is measured without and with the daemon
    #[arg(long, value_name = "COUNT", default_value_t = 5)]
    rounds: usize,
    /// How long the mixed load lasts
    #[arg(long, value_name = "SECONDS", default_value_t = 1800)]
    seconds: u64,
}

pub fn run(root: &Path, arguments: &Arguments) -> Result<()> {
    let privileged = geophone_test_support::privileges::present();
    ensure!(privileged, "run it as root");
    let binary = release::binary(root, arguments.binary.as_deref())?;
    let mut wrong = Vec::new();
    if arguments.rounds > 0 {
        let mut rows = Vec::new();
        let loads: [Make; 4] = [
            || Ok(Box::new(Switches::new()?)),
            || Ok(Box::new(Groups::new()?)),
            || Ok(Box::new(Connections::new()?)),
            || Ok(Box::new(Forks)),
        ];
        for load in loads {
            let (row, falls) = measure(&mut *load()?, &binary, arguments.rounds)?;
            rows.push(row);
            wrong.extend(falls);
        }
        print(
            "Throughput with the daemon, as a multiple of that without",
            &rows,
        );
    }
    if arguments.seconds > 0 {
        let time = Duration::from_secs(arguments.seconds);
        wrong.extend(steady::run(&binary, time)?);
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

/// The load in turn without and with the daemon; also gives which counters fell.
fn measure(load: &mut dyn Load, binary: &Path, rounds: usize) -> Result<(Row, Vec<String>)> {
    eprintln!("{} ...", load.what());
    // No CPU is idle, so that the kernel's switches are ours; in both cases.
    let _busy = Busy::yielding()?;
    let mut pairs = Vec::with_capacity(rounds);
    let mut slowest = Duration::ZERO;
    let mut missed = 0.0;
    let mut falls = Vec::new();
    for _ in 0..rounds {
        let without = alone(load)?.per_second();
        let options = Options::new(binary).configuration(load.configuration());
        let daemon = options.start()?;
        let watching = Watching::start(daemon.client()?, SCRAPES);
        let outcome = watched(load, &mut daemon.client()?);
        let watch = watching.stop()?;
        let (done, comparisons) = outcome?;
        for comparison in &comparisons {
            missed += comparison.missed;
            eprintln!("  {comparison}");
        }
        falls.extend(watch.falls);
        slowest = slowest.max(watch.slowest);
        pairs.push((without, done.per_second()));
    }
    pairs.sort_by(|a, b| (a.1 / a.0).total_cmp(&(b.1 / b.0)));
    let ratio = |(without, with): &(f64, f64)| with / without;
    let (least, most) = (pairs.first().map(ratio), pairs.last().map(ratio));
    let (without, with) = pairs
        .get(rounds / 2)
        .copied()
        .unwrap_or((f64::NAN, f64::NAN));
    let unit = load.unit();
    let detail = format!(
        "{:.3} to {:.3}; {with:.0} and {without:.0} {unit} a second, {missed} runs missed, \
         slowest scrape {:.1} ms",
        least.unwrap_or(f64::NAN),
        most.unwrap_or(f64::NAN),
        slowest.as_secs_f64() * 1e3
    );
    let row = Row::new(load.what(), with / without, Unit::Times).detail(detail);
    Ok((row, falls))
}
