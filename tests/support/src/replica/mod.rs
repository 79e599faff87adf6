//! A library whose functions begin as those of real libraries do, and a program that calls
//! them. Built with the C compiler of the machine; x86-64 only.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

/// A function that begins as those of libcuda do: a comparison, a conditional branch, and a
/// jump to what does the work.
pub const THUNK: &str = "thunk";

/// Gone when dropped.
pub struct Replica {
    directory: TempDir,
}

/// What one thread's calls amount to.
pub struct Calls {
    /// Sum of the first arguments.
    pub arguments: u64,
    /// Sum of the results.
    pub results: u64,
}

impl Calls {
    /// Of so many calls: the caller counts the first argument from 0 to 7, again and again,
    /// each of the five others is one more than the one before, and the library weighs them.
    pub fn of(count: u64) -> Self {
        let arguments = (0..count).map(|call| call % 8).sum();
        let results = 29 * arguments + count * (2 + 6 + 15 + 28 + 55);
        Self { arguments, results }
    }
}

impl Replica {
    pub fn build() -> Result<Self> {
        let replica = Self {
            directory: TempDir::new()?,
        };
        let library = ["-shared", "-fPIC", "-Wl,--build-id=sha1"];
        replica.compile("functions.c", include_str!("functions.c"), &library)?;
        let libraries = ["-pthread", "-ldl"];
        replica.compile("caller.c", include_str!("caller.c"), &libraries)?;
        Ok(replica)
    }

    pub fn library(&self) -> PathBuf {
        self.directory.path().join("functions")
    }

    /// Starts a process that calls a function from several threads, and waits for its end. The
    /// time is that of the slowest thread. Fails if one call returned something else than the
    /// function does without a probe.
    pub fn call(&self, function: &str, calls: u64, threads: u64) -> Result<Duration> {
        let output = Command::new(self.directory.path().join("caller"))
            .arg(self.library())
            .args([function, &calls.to_string(), &threads.to_string()])
            .output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{}: {said}", output.status);
        let nanoseconds = String::from_utf8(output.stdout)?;
        Ok(Duration::from_nanos(nanoseconds.trim().parse()?))
    }

    /// Compiles a source to a file of the same name without its extension.
    fn compile(&self, name: &str, source: &str, flags: &[&str]) -> Result<()> {
        let file = self.directory.path().join(name);
        fs::write(&file, source)?;
        compile(&file, &file.with_extension(""), flags)
    }
}

/// The C compiler of this machine.
pub const CC: &str = "cc";

/// Runs the C compiler.
pub fn compile(source: &Path, output: &Path, flags: &[&str]) -> Result<()> {
    compile_by(CC, source, output, flags)
}

/// Runs a C compiler, which may be for another machine.
pub fn compile_by(compiler: &str, source: &Path, output: &Path, flags: &[&str]) -> Result<()> {
    let output = Command::new(compiler)
        .args(["-O2", "-o"])
        .args([output, source])
        .args(flags)
        .output()
        .with_context(|| format!("starting {compiler}, the C compiler"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{compiler}: {said}");
    Ok(())
}
