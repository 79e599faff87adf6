//! Python with packages of its own, without touching what this machine has installed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::command::output;

/// The Python of a virtual environment in `directory` that has the packages of `requirements`.
/// It is made anew when these are no longer those that it was made with.
pub fn python(requirements: &Path, directory: &Path) -> Result<PathBuf> {
    let wanted = fs::read(requirements)
        .with_context(|| format!("{} cannot be read", requirements.display()))?;
    let program = directory.join("bin/python");
    // Written last, so that what was interrupted is not taken for whole.
    let made_with = directory.join("requirements.txt");
    if program.exists() && fs::read(&made_with).is_ok_and(|made_with| made_with == wanted) {
        return Ok(program);
    }
    output(
        Command::new("python3")
            .args(["-m", "venv", "--clear"])
            .arg(directory),
    )
    .context("making a virtual environment: is python3-venv installed?")?;
    output(
        Command::new(&program)
            .args(["-m", "pip", "install", "--quiet"])
            .args(["--disable-pip-version-check", "--only-binary=:all:"])
            .arg("--requirement")
            .arg(requirements),
    )
    .with_context(|| format!("installing the packages of {}", requirements.display()))?;
    fs::write(&made_with, wanted)?;
    Ok(program)
}
