//! Processes that come and go at once.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

/// Forks that many processes, each of which ends at once, from `shells` others side by side.
pub fn storm(shells: usize, each: usize) -> Result<()> {
    // A shell runs what is in parentheses in a process of its own.
    let script = format!("i=0; while [ $i -lt {each} ]; do (:); i=$((i + 1)); done");
    let shells = (0..shells).map(|_| {
        let mut shell = Command::new("sh");
        shell.args(["-c", &script]).stdin(Stdio::null());
        shell.spawn().context("sh")
    });
    let shells: Vec<_> = shells.collect::<Result<_>>()?;
    for mut shell in shells {
        let status = shell.wait()?;
        ensure!(status.success(), "sh ended with {status}");
    }
    Ok(())
}
