//! A program that is to end by itself.

use std::io::{Read, Seek, SeekFrom};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::wait;

pub struct Ended {
    pub status: ExitStatus,
    /// Standard output and standard error, in the order they were written.
    pub said: String,
}

/// Runs `command` to its end; one that outlives `limit` is killed, and that is an error.
pub fn run_to_end(command: &mut Command, limit: Duration) -> Result<Ended> {
    let mut output = tempfile::tempfile()?;
    let mut child = command
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output.try_clone()?)
        .spawn()
        .with_context(|| format!("starting {command:?}"))?;
    let ended = wait::until("the program to end", limit, || Ok(child.try_wait()?));
    if ended.is_err() {
        child.kill()?;
        child.wait()?;
    }
    let mut said = String::new();
    output.seek(SeekFrom::Start(0))?;
    output.read_to_string(&mut said)?;
    let status = ended.with_context(|| format!("{command:?} said:\n{said}"))?;
    Ok(Ended { status, said })
}
