//! `cargo xtask soak`: the daemon under loads as heavy as the machine allows.

mod connections;
mod forks;
mod groups;
mod held;
mod load;
mod measured;
mod mixed;
mod quality;
mod slope;
mod steady;
mod switches;
mod visitors;
mod watch;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use geophone_test_support::daemon::Options;
use geophone_test_support::load::busy::Busy;

use self::connections::Connections;
pub use self::connections::hold;
use self::forks::Forks;
use self::groups::Groups;
use self::load::{Load, alone, watched};
use self::switches::Switches;
use self::watch::{Watch, Watching};
use crate::release;
use crate::row::{Row, Unit, print};

type Make = fn() -> Result<Box<dyn Load>>;

/// More often than any Prometheus.
const SCRAPES: Duration = Duration::from_millis(500);
/// Fewer say nothing of counters that fall.
const LEAST_SCRAPES: u32 = 3;

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
            let (row, faults) = measure(&mut *load()?, &binary, arguments.rounds)?;
            rows.push(row);
            wrong.extend(faults);
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

/// The load in turn without and with the daemon; also gives what is wrong.
fn measure(load: &mut dyn Load, binary: &Path, rounds: usize) -> Result<(Row, Vec<String>)> {
    eprintln!("{} ...", load.what());
    // No CPU is idle, so that the kernel's switches are ours; in both cases.
    let _busy = Busy::yielding()?;
    // What is touched for the first time costs more.
    alone(load)?;
    let mut watched = Watched::default();
    let mut pairs = Vec::with_capacity(rounds);
    for round in 0..rounds {
        // Whoever comes first shall not always be the same.
        let pair = if round % 2 == 0 {
            let without = alone(load)?.per_second();
            (without, watched.round(load, binary)?)
        } else {
            let with = watched.round(load, binary)?;
            (alone(load)?.per_second(), with)
        };
        pairs.push(pair);
    }
    let ratio = |(without, with): &(f64, f64)| with / without;
    pairs.sort_by(|a, b| ratio(a).total_cmp(&ratio(b)));
    let at = |index: usize| pairs.get(index).copied().unwrap_or((f64::NAN, f64::NAN));
    let middle = at(rounds / 2);
    let detail = format!(
        "{:.3} to {:.3}; {:.0} and {:.0} {} a second, {} runs missed, {}",
        ratio(&at(0)),
        ratio(&at(rounds - 1)),
        middle.1,
        middle.0,
        load.unit(),
        watched.missed,
        watched.scrapes
    );
    let row = Row::new(load.what(), ratio(&middle), Unit::Times).detail(detail);
    let mut wrong = watched.wrong;
    wrong.extend(watched.scrapes.falls);
    Ok((row, wrong))
}

/// What the rounds with a daemon came to.
#[derive(Default)]
struct Watched {
    wrong: Vec<String>,
    missed: f64,
    scrapes: Watch,
}

impl Watched {
    /// Gives the throughput.
    fn round(&mut self, load: &mut dyn Load, binary: &Path) -> Result<f64> {
        let options = Options::new(binary).configuration(&load.configuration());
        let daemon = options.start()?;
        let said = || format!("the daemon said:\n{}", daemon.log());
        let watching = Watching::start(daemon.client()?, SCRAPES);
        let outcome = watched(load, &mut daemon.client()?).with_context(said);
        let watch = watching.stop();
        let (done, held) = outcome?;
        let watch = watch.with_context(said)?;
        for held in &held {
            eprintln!("  {held}");
            self.wrong.extend(held.fault());
        }
        let page = daemon.client()?.metrics()?;
        self.wrong.extend(quality::faults(&daemon, &page)?);
        self.missed += quality::missed(&page).unwrap_or(f64::NAN);
        if watch.scrapes < LEAST_SCRAPES {
            self.wrong.push(format!("{}: only {watch}", load.what()));
        }
        self.scrapes.join(watch);
        Ok(done.per_second())
    }
}
