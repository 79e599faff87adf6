//! Geophone's chores. `cargo xtask --help` lists them.

mod apt;
mod architecture;
mod bench;
mod build_ebpf;
mod command;
mod cross;
mod docs;
mod fetch;
mod footprint;
mod fuzz;
mod grid;
mod guest;
mod release;
mod row;
mod sink;
mod soak;
mod venv;
mod vm;
mod vm_test;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::{Parser, Subcommand};

/// Geophone's build and test chores.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Compile the probes of ebpf/ into the objects of ebpf/prebuilt/ and config/modules/
    ///
    /// Needs the tool chain that ebpf/setup-debian.sh installs.
    BuildEbpf {
        /// Rebuild in a scratch directory and fail if the objects differ from the committed ones
        #[arg(long)]
        check: bool,
    },
    Docs(docs::Arguments),
    Cross(cross::Arguments),
    VmTest(vm_test::Arguments),
    Bench(bench::Arguments),
    Fetch(fetch::Arguments),
    Fuzz(fuzz::Arguments),
    Soak(soak::Arguments),
    /// What soak has to hold connections open
    #[command(hide = true)]
    HoldConnections {
        count: usize,
    },
    /// What the machines of vm-test run as their first process
    #[command(hide = true)]
    Guest(guest::Arguments),
}

fn main() -> Result<()> {
    let root = root()?;
    match Arguments::parse().chore {
        Chore::BuildEbpf { check } => build_ebpf::run(&root, check),
        Chore::Docs(arguments) => docs::run(&root, &arguments),
        Chore::Cross(cross::Arguments {}) => cross::run(&root),
        Chore::VmTest(arguments) => vm_test::run(&root, &arguments),
        Chore::Bench(arguments) => bench::run(&root, &arguments),
        Chore::Fetch(arguments) => fetch::run(&root, &arguments),
        Chore::Fuzz(arguments) => fuzz::run(&root, &arguments),
        Chore::Soak(arguments) => soak::run(&root, &arguments),
        Chore::HoldConnections { count } => soak::hold(count),
        Chore::Guest(arguments) => guest::run(&arguments),
    }
}

/// The repository this program was built from.
fn root() -> Result<PathBuf> {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .map(Path::to_owned)
        .context("no parent")
}
