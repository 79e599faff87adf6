//! Geophone's chores. `cargo xtask --help` lists them.

mod build_ebpf;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

fn root() -> Result<PathBuf> {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_owned).context("no parent")
}

fn main() -> Result<()> {
    build_ebpf::run(&root()?, std::env::args().any(|a| a == "--check"))
}
