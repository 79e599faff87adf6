//! Programs to test with that a machine may lack.

use std::env;
use std::path::PathBuf;

use crate::requirement::Requirement;

/// `promtool`, by the variable `PROMTOOL` or from the path. None, with a notice, if there is
/// none.
///
/// # Panics
///
/// If there is none and it is required.
pub fn promtool() -> Option<PathBuf> {
    find("PROMTOOL", "promtool")
}

/// `prometheus`, by the variable `PROMETHEUS` or from the path; otherwise as [`promtool`].
///
/// # Panics
///
/// If there is none and it is required.
pub fn prometheus() -> Option<PathBuf> {
    find("PROMETHEUS", "prometheus")
}

fn find(variable: &str, name: &str) -> Option<PathBuf> {
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
