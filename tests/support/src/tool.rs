//! Programs to test with that a machine may lack.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::requirement::Requirement;

/// `prometheus`, by the variable `PROMETHEUS` or from the path. None, with a notice, if there
/// is none.
///
/// # Panics
///
/// If there is none and it is required.
pub fn prometheus() -> Option<PathBuf> {
    find("PROMETHEUS", "prometheus")
}

pub(crate) fn find(variable: &str, name: &str) -> Option<PathBuf> {
    let named = env::var_os(variable).map(PathBuf::from);
    let path = env::var_os("PATH").unwrap_or_default();
    let on_path = || {
        env::split_paths(&path)
            .map(|directory| directory.join(name))
            .find(|file| file.is_file())
    };
    let found = named.or_else(on_path);
    if found.is_none() {
        let reason = format!("there is no {name} on the path; set {variable} to one");
        Requirement::Prometheus.skip(&reason);
    }
    found
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
