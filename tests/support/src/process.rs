//! Starting programs, and those that are to end by themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::ffi::OsStr;
use std::fs;
use std::io::{Read, Seek, SeekFrom};
use std::process::{Command, ExitStatus, Stdio};
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::wait;

pub struct Ended {
    pub status: ExitStatus,
    /// Standard output and standard error, in the order they were written.
    pub said: String,
}

/// Begin the names of the variables that configure the daemon, or by which a service manager
/// speaks to it.
const CONFIGURING: [&[u8]; 5] = [b"GEOPHONE_", b"OTEL_", b"NOTIFY_", b"WATCHDOG_", b"LISTEN_"];

/// `program` with none of the variables that would configure the daemon.
pub fn unconfigured(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    for (name, _) in env::vars_os() {
        let bytes = name.as_encoded_bytes();
        if CONFIGURING.iter().any(|prefix| bytes.starts_with(prefix)) {
            command.env_remove(name);
        }
    }
    command
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

/// The thread of process `pid` that has this name.
pub fn thread_of(pid: u32, name: &str) -> Result<u32> {
    for entry in fs::read_dir(format!("/proc/{pid}/task"))? {
        let directory = entry?.path();
        // It may have ended meanwhile.
        let found = fs::read_to_string(directory.join("comm")).unwrap_or_default();
        if found.trim_end() == name {
            let thread = directory.file_name().and_then(OsStr::to_str);
            return Ok(thread.context("no name")?.parse()?);
        }
    }
    bail!("process {pid} has no thread {name}")
}

/// The numbers behind `key` in the fdinfo of all descriptors of process `pid`: the ids of
/// what it holds in the kernel.
pub fn held(pid: u32, key: &str) -> Result<BTreeSet<u32>> {
    let texts = descriptors(pid)?;
    let ids = texts.iter().filter_map(|text| number(text, key));
    Ok(ids.collect())
}

/// The sum over the programs that process `pid` holds of the number behind `key` in their fdinfo;
/// none where this kernel does not tell it.
pub fn sum_over_programs(pid: u32, key: &str) -> Result<Option<u64>> {
    let texts = descriptors(pid)?;
    let of_program = |text: &String| Some((number::<u32>(text, "prog_id:")?, number(text, key)?));
    // A program may have several descriptors.
    let each: BTreeMap<u32, u64> = texts.iter().filter_map(of_program).collect();
    Ok((!each.is_empty()).then(|| each.values().sum()))
}

/// The fdinfo of all descriptors of process `pid` that are still there when they are read.
fn descriptors(pid: u32) -> Result<Vec<String>> {
    let directory = format!("/proc/{pid}/fdinfo");
    let entries = fs::read_dir(&directory).with_context(|| directory.clone())?;
    let mut texts = Vec::new();
    for entry in entries {
        texts.extend(fs::read_to_string(entry?.path()).ok());
    }
    Ok(texts)
}

/// The number behind `key` at the beginning of a line.
fn number<T: FromStr>(text: &str, key: &str) -> Option<T> {
    let number = text.lines().find_map(|line| line.strip_prefix(key))?;
    number.trim().parse().ok()
}

/// What a tool of the system writes to its standard output.
///
/// # Errors
///
/// It is not installed, or fails, with what it says about that.
pub fn output(program: &str, arguments: &[&str]) -> Result<String> {
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("{program}: install it (iproute2, nftables, dmsetup)"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "{program} {}: {}",
        arguments.join(" "),
        said.trim()
    );
    Ok(String::from_utf8(output.stdout)?)
}
