//! `cargo xtask fetch`: programs to test with that Debian 12 has only in older versions.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::ValueEnum;

use crate::apt::Suite;

/// Fetch a program to test with and print its path
///
/// Taken from the newest Debian suite and kept under target/fetch/.
#[derive(clap::Args)]
pub struct Arguments {
    program: Program,
}

#[derive(Clone, Copy, ValueEnum)]
enum Program {
    /// A Prometheus with native histograms
    Prometheus,
    /// The promtool that belongs to it
    Promtool,
}

pub fn run(root: &Path, arguments: &Arguments) -> Result<()> {
    let name = match arguments.program {
        Program::Prometheus => "prometheus",
        Program::Promtool => "promtool",
    };
    println!("{}", prometheus(root)?.join(name).display());
    Ok(())
}

/// The directory with the programs of Debian's newest `prometheus` package.
fn prometheus(root: &Path) -> Result<PathBuf> {
    let directory = root.join("target/fetch/prometheus");
    let programs = directory.join("usr/bin");
    if programs.join("prometheus").exists() {
        return Ok(programs);
    }
    let suite = Suite::open("sid", &root.join("target/fetch/sid"))?;
    let scratch = directory.with_extension("partial");
    suite.unpack(&["prometheus".to_owned()], &scratch)?;
    fs::rename(&scratch, &directory)
        .with_context(|| format!("moving {} into place", scratch.display()))?;
    Ok(programs)
}
