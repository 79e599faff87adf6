//! The daemon as users get it.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

use crate::command::cargo;

/// `given`, or else a release build of this tree.
pub fn binary(root: &Path, given: Option<&Path>) -> Result<PathBuf> {
    if let Some(given) = given {
        ensure!(given.exists(), "{} does not exist", given.display());
        return Ok(given.to_owned());
    }
    let mut build = cargo();
    build
        .args(["build", "--release", "--package", "geophone"])
        .current_dir(root);
    ensure!(build.status()?.success(), "the release build failed");
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or(root.join("target"), PathBuf::from);
    let binary = target.join("release/geophone");
    ensure!(binary.exists(), "the build left no {}", binary.display());
    Ok(binary)
}
