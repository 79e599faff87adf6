//! Processes that come and go at once.

use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};

/// Forks that many processes, each of which ends at once, from `shells` others side by side.
pub fn storm(shells: usize, each: usize) -> Result<()> {
    // A shell runs what is in parentheses in a process of its own.
    let script = format!("i=0; while [ $i -lt {each} ]; do (:); i=$((i + 1)); done");
    let shells: Result<Vec<_>> = (0..shells).map(|_| Shell::start(&script)).collect();
    shells?.iter_mut().try_for_each(Shell::end)
}

/// Killed when dropped.
struct Shell(Child);

impl Shell {
    fn start(script: &str) -> Result<Self> {
        let mut shell = Command::new("sh");
        shell.args(["-c", script]).stdin(Stdio::null());
        Ok(Self(shell.spawn().context("sh")?))
    }

    fn end(&mut self) -> Result<()> {
        let status = self.0.wait()?;
        ensure!(status.success(), "sh ended with {status}");
        Ok(())
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
