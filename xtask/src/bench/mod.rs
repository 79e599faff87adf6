//! `cargo xtask bench`: what the daemon costs on this machine, as a Markdown table.

mod cost;
mod empty;
mod footprint;
mod otlp;
mod reading;
mod scrape;
mod uprobe;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::release;
use crate::row::{Row, print};

/// Measure what the daemon costs on this machine
///
/// Prints Markdown tables: cost per event of every module as a multiple of an empty
/// program, cost of a probe on a library's function, time of start, sweep and scrape,
/// memory, and what pushing costs. Fails when one is over its budget.
/// Needs root and a machine that does nothing else.
#[derive(clap::Args)]
pub struct Arguments {
    /// Daemon to measure [default: a release build of this tree]
    #[arg(long, value_name = "PATH")]
    binary: Option<PathBuf>,
    /// Seconds after which the resident memory is read
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    settle: u64,
    /// Measure only this; may be repeated [default: all]
    #[arg(long, value_name = "PART")]
    only: Vec<Part>,
}

#[derive(Clone, Copy, PartialEq, clap::ValueEnum)]
enum Part {
    Cost,
    Uprobe,
    Scrape,
    Footprint,
    Otlp,
}

impl Arguments {
    fn wants(&self, part: Part) -> bool {
        self.only.is_empty() || self.only.contains(&part)
    }
}

pub fn run(root: &Path, arguments: &Arguments) -> Result<()> {
    let privileged = geophone_test_support::privileges::present();
    ensure!(privileged, "run it as root");
    let daemon = [Part::Cost, Part::Scrape, Part::Footprint, Part::Otlp];
    let binary = if daemon.into_iter().any(|part| arguments.wants(part)) {
        release::binary(root, arguments.binary.as_deref())?
    } else {
        PathBuf::new()
    };
    let empty = root
        .join("ebpf/prebuilt")
        .join(std::env::consts::ARCH)
        .join("empty.o");
    let settle = Duration::from_secs(arguments.settle);
    let mut over = Vec::new();
    let mut table = |title, rows: Vec<Row>| {
        print(title, &rows);
        over.extend(rows.into_iter().filter(Row::is_over));
    };
    if arguments.wants(Part::Cost) {
        eprintln!("measuring the cost per event ...");
        table("Cost per event", cost::measure(&binary, &empty)?);
    }
    if arguments.wants(Part::Uprobe) {
        eprintln!("measuring probes on a library's function ...");
        table("Probes on a library's function", uprobe::measure()?);
    }
    if arguments.wants(Part::Scrape) {
        eprintln!("measuring scrapes ...");
        table("Scrapes", scrape::measure(&binary)?);
        table("Maps", reading::measure()?);
    }
    if arguments.wants(Part::Footprint) {
        eprintln!("measuring start and memory, {} s ...", arguments.settle);
        table("Start and memory", footprint::measure(&binary, settle)?);
    }
    if arguments.wants(Part::Otlp) {
        eprintln!("measuring the push, {} s ...", arguments.settle);
        table("Push over OTLP", otlp::measure(root, &binary, settle)?);
    }
    let over: Vec<&str> = over.iter().map(Row::what).collect();
    ensure!(over.is_empty(), "over budget: {}", over.join("; "));
    Ok(())
}

/// The middle one; measurements have outliers to one side only.
fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
