//! Programs to test with that a machine may lack.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::requirement::{Requirement, skipped};

/// `prometheus`, by the variable `PROMETHEUS` or from the path. None, with a notice, if there
/// is none.
///
/// # Panics
///
/// If there is none and it is required.
pub fn prometheus() -> Option<PathBuf> {
    find("PROMETHEUS", "prometheus")
}

/// The flag with which Prometheus receives OTLP.
pub const OTLP_RECEIVER: &str = "--web.enable-otlp-receiver";

/// A Prometheus that has [`OTLP_RECEIVER`]: that of the variable `PROMETHEUS_OTLP`, or else the
/// one of [`prometheus`] if it has, unlike Debian's. None, with a notice, if there is none.
///
/// # Panics
///
/// If there is none and it is required, unless the variable is `none`: who sets that knows.
pub fn prometheus_otlp() -> Option<PathBuf> {
    const VARIABLE: &str = "PROMETHEUS_OTLP";
    let named = env::var_os(VARIABLE).filter(|path| !path.is_empty());
    if named.as_ref().is_some_and(|path| path == "none") {
        skipped(&format!(
            "no Prometheus that receives OTLP: {VARIABLE}=none"
        ));
        return None;
    }
    let program = named
        .map(PathBuf::from)
        .or_else(|| named_or_on_path("PROMETHEUS", "prometheus"));
    let program = program.filter(|program| receives_otlp(program));
    if program.is_none() {
        Requirement::Otlp.skip(&format!(
            "no Prometheus that has {OTLP_RECEIVER}: \
             {VARIABLE}=$(cargo xtask fetch prometheus-otlp)"
        ));
    }
    program
}

fn receives_otlp(program: &Path) -> bool {
    let help = Command::new(program).arg("--help").output();
    // The help has `--[no-]` in front of the name.
    let name = OTLP_RECEIVER.trim_start_matches('-');
    help.is_ok_and(|help| {
        let said = [help.stdout, help.stderr].concat();
        String::from_utf8_lossy(&said).contains(name)
    })
}

pub(crate) fn find(variable: &str, name: &str) -> Option<PathBuf> {
    let found = named_or_on_path(variable, name);
    if found.is_none() {
        let reason = format!("there is no {name} on the path; set {variable} to one");
        Requirement::Prometheus.skip(&reason);
    }
    found
}

fn named_or_on_path(variable: &str, name: &str) -> Option<PathBuf> {
    let named = env::var_os(variable).map(PathBuf::from);
    let path = env::var_os("PATH").unwrap_or_default();
    let on_path = || {
        env::split_paths(&path)
            .map(|directory| directory.join(name))
            .find(|file| file.is_file())
    };
    named.or_else(on_path)
}

/// Major and minor version of a program.
pub fn version(program: &Path) -> Result<(u32, u32)> {
    let output = Command::new(program).arg("--version").output()?;
    // Older ones say it on the standard error.
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    let mut words = said
        .split_whitespace()
        .skip_while(|word| *word != "version");
    let numbers = words.nth(1).and_then(|version| {
        let mut parts = version.split('.').map(|part| part.parse().ok());
        Some((parts.next()??, parts.next()??))
    });
    numbers.with_context(|| format!("no version in {said:?}"))
}
