//! Less than root's rights.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use caps::Capability;
use geophone_test_support::daemon::Options;
use geophone_test_support::privileges;
use rustix::mount::{MountFlags, mount};

use super::states::{ALL_ACTIVE, WITHOUT_RECORDS, details, expect};
use super::{ADDRESS, block, runqueue, tcp};
use crate::vm::image::DAEMON;

/// Somebody with the two capabilities that tracing takes measures the same. Records of
/// tracepoints are closed to others than root.
pub fn ordinary_user() -> Result<String> {
    const PARANOID: &str = "/proc/sys/kernel/perf_event_paranoid";
    // Debian's own level: no events for who has no capability.
    let level = fs::read_to_string(PARANOID).context(PARANOID)?;
    ensure!(level.trim() == "3", "{PARANOID} is {}", level.trim());
    let daemon = Options::new(DAEMON)
        .address(ADDRESS)
        .as_ordinary_user()
        .start()?;
    let mut client = daemon.client()?;
    expect(&daemon, &client.metrics()?, &WITHOUT_RECORDS)?;
    let threads = privileges::of_threads(daemon.id())?;
    let sweeps = threads.iter().find(|thread| thread.name == "sweep");
    let sweeps = sweeps.context("no thread sweeps")?;
    ensure!(
        sweeps.permitted.is_empty() || sweeps.permitted == [Capability::CAP_BPF].into(),
        "{sweeps:?}"
    );
    let details = details(
        &mut client,
        &[tcp::connections, runqueue::machine, block::loop_device],
    )?;
    Ok(format!("sweeps with {:?}; {details}", sweeps.permitted))
}

/// Has the kernel keep more from everybody. Nothing undoes it.
fn lock_down(level: &str) -> Result<()> {
    const LOCKDOWN: &str = "/sys/kernel/security/lockdown";
    let security = Path::new("/sys/kernel/security");
    if !Path::new(LOCKDOWN).exists() {
        let flags = MountFlags::empty();
        mount("securityfs", security, "securityfs", flags, None).context("securityfs")?;
    }
    fs::write(LOCKDOWN, level).context(LOCKDOWN)
}

/// Where nobody may change the kernel, as with secure boot, everything is measured.
pub fn integrity() -> Result<String> {
    lock_down("integrity")?;
    let daemon = Options::new(DAEMON).address(ADDRESS).start()?;
    let mut client = daemon.client()?;
    let states = expect(&daemon, &client.metrics()?, &ALL_ACTIVE)?;
    let details = details(&mut client, &[tcp::connections, block::loop_device])?;
    Ok(format!("{states}; {details}"))
}

/// Where the kernel keeps its memory from everybody, whatever is measured is said, and why the
/// rest is not.
pub fn confidentiality() -> Result<String> {
    lock_down("confidentiality")?;
    let daemon = Options::new(DAEMON).address(ADDRESS).start()?;
    let expected = [
        ("runqueue", "active"),
        ("block_io", "active"),
        ("tcp", "degraded"),
        ("dma_fence", "degraded"),
    ];
    let states = expect(&daemon, &daemon.client()?.metrics()?, &expected)?;
    let log = daemon.log();
    ensure!(log.contains("as under lockdown=confidentiality"), "{log}");
    Ok(states)
}
