//! Debian's newest Prometheus.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::apt::Suite;
use crate::architecture::Architecture;

/// The packages with the programs.
const PACKAGES: [&str; 2] = ["prometheus", "promtool"];

/// The directory with Prometheus and promtool, which is kept below `fetched`.
pub fn programs(fetched: &Path) -> Result<PathBuf> {
    let directory = fetched.join("prometheus");
    let programs = directory.join("usr/bin");
    if PACKAGES.iter().all(|name| programs.join(name).exists()) {
        return Ok(programs);
    }
    let suite = Suite::open("sid", Architecture::Amd64, &fetched.join("sid"))?;
    let scratch = directory.with_extension("partial");
    fs::remove_dir_all(&scratch).ok();
    suite.unpack(&PACKAGES.map(str::to_owned), &scratch)?;
    fs::remove_dir_all(&directory).ok();
    fs::rename(&scratch, &directory)
        .with_context(|| format!("moving {} into place", scratch.display()))?;
    Ok(programs)
}
