//! Debian's newest Prometheus.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::apt::Suite;

/// The directory with the programs of the `prometheus` package, which is kept below `fetched`.
pub fn programs(fetched: &Path) -> Result<PathBuf> {
    let directory = fetched.join("prometheus");
    let programs = directory.join("usr/bin");
    if programs.join("prometheus").exists() {
        return Ok(programs);
    }
    let suite = Suite::open("sid", &fetched.join("sid"))?;
    let scratch = directory.with_extension("partial");
    suite.unpack(&["prometheus".to_owned()], &scratch)?;
    fs::rename(&scratch, &directory)
        .with_context(|| format!("moving {} into place", scratch.display()))?;
    Ok(programs)
}
