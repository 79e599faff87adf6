//! `cargo xtask fetch`: programs to test with that Debian 12 does not have, or only in older
//! versions.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::ValueEnum;

use crate::apt::Suite;
use crate::venv;

/// Fetch a program to test with and print its path
///
/// Taken from the newest Debian suite, or from PyPI, and kept under target/fetch/.
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
    /// A Python with the packages of tests/otlp/python/requirements.txt
    OtlpPython,
}

pub fn run(root: &Path, arguments: &Arguments) -> Result<()> {
    let path = match arguments.program {
        Program::Prometheus => prometheus(root)?.join("prometheus"),
        Program::Promtool => prometheus(root)?.join("promtool"),
        Program::OtlpPython => venv::python(
            &root.join("tests/otlp/python/requirements.txt"),
            &root.join("target/fetch/otlp-python"),
        )?,
    };
    println!("{}", path.display());
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
