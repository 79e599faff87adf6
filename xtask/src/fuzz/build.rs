use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

/// Builds all targets. Gives the directory with their programs.
pub fn run(root: &Path) -> Result<PathBuf> {
    let is_there = Command::new("cargo")
        .args(["fuzz", "--version"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    ensure!(
        is_there.is_ok_and(|status| status.success()),
        "cargo-fuzz is missing: cargo install --locked cargo-fuzz"
    );
    let directory = root.join("target/fuzz");
    // A stable compiler has sanitizer and its runtime too, but takes the flag from a nightly
    // only, or from who says that he knows.
    let status = Command::new("cargo")
        .args(["fuzz", "build", "--fuzz-dir"])
        .arg(root.join("tests/fuzz"))
        .arg("--target-dir")
        .arg(&directory)
        .env("RUSTC_BOOTSTRAP", "1")
        .current_dir(root)
        .status()
        .context("cargo cannot be started")?;
    ensure!(status.success(), "the fuzz targets cannot be built");
    let triple = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    Ok(directory.join(triple).join("release"))
}
