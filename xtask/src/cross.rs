//! `cargo xtask cross`: programs for arm64, built on this machine.
//!
//! By Debian's compiler, because Debian has the standard library for it as a package. That is
//! unpacked below `target/`: dpkg need not know of another architecture.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::apt::Suite;
use crate::architecture::Architecture;
use crate::command::text;

/// The compiler that `ebpf/setup-debian.sh` installs, and the suite that has it.
const RUSTC: &str = "/usr/bin/rustc";
const CARGO: &str = "/usr/bin/cargo";
const COMPILER: &str = "rustc-web";
const LIBRARY: &str = "libstd-rust-web-dev";
const SUITE: &str = "bookworm-security";

const TARGET: &str = "aarch64-unknown-linux-gnu";
/// Links, and compiles the C and the assembly of dependencies.
pub const CC: &str = "aarch64-linux-gnu-gcc";

/// Compile the daemon for arm64 and print its path
///
/// Needs the compiler that ebpf/setup-debian.sh installs, and gcc-aarch64-linux-gnu with
/// libc6-dev-arm64-cross. Rust's standard library is fetched with apt once. Everything is kept
/// under target/arm64/.
#[derive(clap::Args)]
pub struct Arguments {}

pub fn run(root: &Path) -> Result<()> {
    println!("{}", build(root, &["geophone"])?.join("geophone").display());
    Ok(())
}

/// Builds the packages of this tree; gives the directory of their programs.
pub fn build(root: &Path, packages: &[&str]) -> Result<PathBuf> {
    text(Command::new(CC).arg("--version")).context(
        "no C compiler for arm64: install gcc-aarch64-linux-gnu and libc6-dev-arm64-cross",
    )?;
    let place = root.join("target/arm64");
    let standard = standard_library(&place)?;
    let target = place.join("build");
    let mut build = Command::new(CARGO);
    build
        .args(["build", "--release", "--locked", "--target", TARGET])
        .arg("--target-dir")
        .arg(&target)
        .current_dir(root)
        .env("RUSTC", RUSTC)
        .env(
            "CARGO_ENCODED_RUSTFLAGS",
            format!("--sysroot={}", standard.display()),
        )
        .env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER", CC)
        .env("CC_aarch64_unknown_linux_gnu", CC);
    for package in packages {
        build.args(["--package", package]);
    }
    let status = build.status().with_context(|| {
        format!("starting {CARGO}: run `ebpf/setup-debian.sh`, which installs it (Debian 12)")
    })?;
    ensure!(status.success(), "the build for arm64 failed");
    Ok(target.join(TARGET).join("release"))
}

/// The root directory of a compiler whose standard library is for arm64, of the very version
/// of the compiler: no other reads it.
fn standard_library(place: &Path) -> Result<PathBuf> {
    let mut query = Command::new("dpkg-query");
    query.args(["--show", "--showformat", "${Version}", COMPILER]);
    let version = text(&mut query)
        .with_context(|| format!("{COMPILER} is not installed: run `ebpf/setup-debian.sh`"))?;
    let unpacked = place.join("std");
    let (sysroot, mark) = (unpacked.join("usr"), unpacked.join("version"));
    if fs::read_to_string(&mark).ok().as_ref() != Some(&version) {
        let suite = Suite::open(SUITE, Architecture::Arm64, &place.join("apt"))?;
        fs::remove_dir_all(&unpacked).ok();
        suite
            .unpack(&[format!("{LIBRARY}={version}")], &unpacked)
            .with_context(|| {
                format!(
                    "{COMPILER} here is {version}, which {SUITE} may have no longer: upgrade it"
                )
            })?;
        fs::write(mark, version)?;
    }
    Ok(sysroot)
}
