//! `cargo xtask fetch`: programs to test with that Debian 12 does not have, or only in older
//! versions.

mod go;
mod prometheus;
mod prometheus_otlp;

use std::path::Path;

use anyhow::Result;
use clap::ValueEnum;

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
    /// A Prometheus that receives OTLP, built from Debian's sources
    PrometheusOtlp,
    /// A Python with the packages of tests/otlp/python/requirements.txt
    OtlpPython,
}

pub fn run(root: &Path, arguments: &Arguments) -> Result<()> {
    let fetched = root.join("target/fetch");
    let path = match arguments.program {
        Program::Prometheus => prometheus::programs(&fetched)?.join("prometheus"),
        Program::Promtool => prometheus::programs(&fetched)?.join("promtool"),
        Program::PrometheusOtlp => {
            prometheus_otlp::program(&root.join("tests/prometheus/receiver.patch"), &fetched)?
        }
        Program::OtlpPython => venv::python(
            &root.join("tests/otlp/python/requirements.txt"),
            &fetched.join("otlp-python"),
        )?,
    };
    println!("{}", path.display());
    Ok(())
}
