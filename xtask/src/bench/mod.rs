//! `cargo xtask bench`: what the daemon costs on this machine, as a Markdown table.

mod cost;
mod empty;
mod footprint;
mod scrape;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::release;

/// Measure what the daemon costs on this machine
///
/// Prints Markdown tables: cost per event of every module as a multiple of an empty
/// program, time of start, sweep and scrape, and memory. Needs root and a machine that
/// does nothing else.
#[derive(clap::Args)]
pub struct Arguments {
    /// Daemon to measure [default: a release build of this tree]
    #[arg(long, value_name = "PATH")]
    binary: Option<PathBuf>,
    /// Seconds after which the resident memory is read
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    settle: u64,
}

/// One line of a table.
struct Row {
    what: String,
    measured: String,
    budget: String,
}

impl Row {
    fn new(
        what: impl Into<String>,
        measured: impl Into<String>,
        budget: impl Into<String>,
    ) -> Self {
        Self {
            what: what.into(),
            measured: measured.into(),
            budget: budget.into(),
        }
    }
}

pub fn run(root: &Path, arguments: &Arguments) -> Result<()> {
    let privileged = geophone_test_support::privileges::present();
    ensure!(privileged, "run it as root");
    let binary = release::binary(root, arguments.binary.as_deref())?;
    let empty = root
        .join("ebpf/prebuilt")
        .join(std::env::consts::ARCH)
        .join("empty.o");
    eprintln!("measuring the cost per event ...");
    print("Cost per event", &cost::measure(&binary, &empty)?);
    eprintln!("measuring scrapes ...");
    print("Scrapes", &scrape::measure(&binary)?);
    eprintln!("measuring start and memory, {} s ...", arguments.settle);
    let settle = Duration::from_secs(arguments.settle);
    print("Start and memory", &footprint::measure(&binary, settle)?);
    Ok(())
}

fn print(title: &str, rows: &[Row]) {
    println!("\n| {title} | measured | budget |\n| --- | --- | --- |");
    for Row {
        what,
        measured,
        budget,
    } in rows
    {
        println!("| {what} | {measured} | {budget} |");
    }
}

/// The middle one; measurements have outliers to one side only.
fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

fn milliseconds(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1e3)
}
