//! The daemon as a service of systemd, which is the first process of this machine: what the
//! units of packaging/systemd/ promise.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use geophone_test_support::client::Client;
use geophone_test_support::control_group::Group;
use geophone_test_support::privileges;
use geophone_test_support::process::{output, thread_of};
use geophone_test_support::wait;
use rustix::process::{Pid, Signal, kill_process};
use rustix::system::{RebootCommand, reboot};

use super::ADDRESS;
use super::report::Check;
use crate::vm::service::GPU;

const SERVICE: &str = "geophone.service";
const SOCKET: &str = "geophone.socket";

/// What an administrator adds to a unit until the next boot.
const ADDED: &str = "/run/systemd/system/geophone.service.d";

/// The most that `systemd-analyze security` may say, in tenths: 0 is closed, 100 is open.
const EXPOSURE: u32 = 30;

/// How long systemd and the daemon may take in emulation.
const LIMIT: Duration = Duration::from_secs(90);

/// What the unit grants.
const GRANTED: [&str; 3] = ["CAP_BPF", "CAP_DAC_READ_SEARCH", "CAP_PERFMON"];

type Promise = fn() -> Result<String>;

const CHECKS: [(&str, Promise); 10] = [
    ("service-units", units),
    ("service-sandbox", sandbox),
    ("service-start", start),
    ("service-rights", rights),
    ("service-gpu", gpu),
    ("service-watchdog", watchdog),
    ("service-crash", crash),
    ("service-mistake", mistake),
    ("service-stop", stop),
    ("service-socket", socket),
];

/// Comes back only when the machine cannot be switched off.
pub fn run() -> Result<()> {
    for (name, check) in CHECKS {
        println!("{}", Check::new(name, check()));
    }
    println!("{}", Check::new("finished", Ok(String::new())));
    rustix::fs::sync();
    reboot(RebootCommand::Restart).context("switching the machine off")
}

/// systemd understands every line.
fn units() -> Result<String> {
    // What it complains of it says on standard error, and ends well.
    let script = format!("systemd-analyze verify --man=no {SERVICE} {SOCKET} 2>&1");
    let said = output("sh", &["-c", &script])?;
    ensure!(said.is_empty(), "{said}");
    Ok([SERVICE, SOCKET].join(", "))
}

/// What systemd thinks of what the service could still do.
fn sandbox() -> Result<String> {
    let threshold = format!("--threshold={EXPOSURE}");
    let said = output(
        "systemd-analyze",
        &["security", &threshold, "--no-pager", SERVICE],
    )?;
    println!("{said}");
    let verdict = said.lines().find(|line| line.contains("Overall exposure"));
    Ok(verdict.context("no verdict")?.trim().to_owned())
}

/// It is ready when `systemctl start` returns, and systemd knows how the modules are.
fn start() -> Result<String> {
    systemctl(&["start", SERVICE])?;
    let ready = Client::connect(ADDRESS)?.get("/-/ready", "")?.status;
    let status = property("StatusText")?;
    ensure!(
        ready == 200 && status.contains(" active"),
        "{ready}, {status}"
    );
    let states = states()?;
    for module in ["runqueue", "block_io", "tcp"] {
        let state = states.iter().find(|(name, _)| name == module);
        ensure!(state.is_some_and(|it| it.1 == "active"), "{states:?}");
    }
    // Debian's kernels give perf events, by which classic tracepoints are attached, to
    // CAP_SYS_ADMIN alone.
    ensure!(states.iter().all(|it| it.1 != "failed"), "{states:?}");
    Ok(status)
}

/// Its own user, with nothing but what the unit says, and no way to more.
fn rights() -> Result<String> {
    let daemon = daemon()?;
    let status = fs::read_to_string(format!("/proc/{daemon}/status"))?;
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.map(str::trim).with_context(|| name.to_owned())
    };
    let users = fs::read_to_string("/etc/passwd")?;
    let user = users.lines().find(|line| line.starts_with("geophone:"));
    let id = user
        .and_then(|line| line.split(':').nth(2))
        .context("no user")?;
    let real = field("Uid:")?.split_whitespace().next();
    ensure!(real == Some(id) && id != "0", "{}", field("Uid:")?);
    ensure!(
        field("NoNewPrivs:")? == "1" && field("Seccomp:")? == "2",
        "{status}"
    );
    let kept = kept(daemon, &GRANTED)?;
    Ok(format!("user {id}, threads keep {kept}"))
}

/// For GPUs it may look into others' processes, too, and is shut in as before.
fn gpu() -> Result<String> {
    add("gpu.conf", &fs::read_to_string(GPU)?)?;
    systemctl(&["restart", SERVICE])?;
    let exposure = sandbox();
    let granted = [&GRANTED[..], &["CAP_SYS_PTRACE", "CAP_CHECKPOINT_RESTORE"]].concat();
    let kept = daemon().and_then(|daemon| kept(daemon, &granted));
    remove("gpu.conf")?;
    let (exposure, kept) = (exposure?, kept?);
    ensure!(kept.contains("CAP_SYS_PTRACE"), "{kept}");
    Ok(format!("{exposure}, threads keep {kept}"))
}

/// What the threads of a process keep, of what the unit grants. None can get more.
fn kept(daemon: u32, granted: &[&str]) -> Result<String> {
    let mut most = BTreeSet::new();
    for thread in privileges::of_threads(daemon)? {
        let can_have = thread.passed_on.iter().chain([&thread.permitted]).flatten();
        let can_have: Vec<String> = can_have.map(ToString::to_string).collect();
        let is_granted = |name: &String| granted.contains(&name.as_str());
        ensure!(
            can_have.iter().all(is_granted),
            "{}: {can_have:?}",
            thread.name
        );
        most.extend(thread.permitted.iter().map(ToString::to_string));
    }
    Ok(most.into_iter().collect::<Vec<_>>().join(", "))
}

/// A sweep that does not end costs the process, which is started anew; until then it lives longer
/// than the watchdog waits.
fn watchdog() -> Result<String> {
    add("watchdog.conf", "[Service]\nWatchdogSec=8s\n")?;
    systemctl(&["restart", SERVICE])?;
    let result = hang();
    remove("watchdog.conf")?;
    result
}

fn hang() -> Result<String> {
    let daemon = daemon()?;
    for _ in 0..3 {
        let heard = property("WatchdogTimestampMonotonic")?;
        wait::until("a sign of life", LIMIT, || {
            Ok((property("WatchdogTimestampMonotonic")? != heard).then_some(()))
        })?;
    }
    ensure!(
        property("MainPID")? == daemon.to_string(),
        "it was started anew"
    );
    let group = Group::of_process(daemon)?;
    group.take_thread(thread_of(daemon, "sweep")?)?;
    group.freeze()?;
    let next = next_after(daemon)?;
    let said = logged("Watchdog timeout")?;
    Ok(format!("{said} {daemon} became {next}"))
}

/// As a panic ends it.
fn crash() -> Result<String> {
    let daemon = daemon()?;
    kill(daemon, Signal::ABORT)?;
    Ok(format!("{daemon} became {}", next_after(daemon)?))
}

/// A mistake in the configuration is told, and not tried again.
fn mistake() -> Result<String> {
    const FILE: &str = "/etc/geophone/geophone.toml";
    let parent = Path::new(FILE).parent().context("no directory")?;
    fs::create_dir_all(parent)?;
    fs::write(FILE, "[web]\nlisten_adresses = []\n")?;
    let refused = systemctl(&["restart", SERVICE]);
    fs::remove_file(FILE)?;
    ensure!(refused.is_err(), "it was started");
    let state = property("SubState")?;
    let status = property("ExecMainStatus")?;
    ensure!(state == "failed" && status == "2", "{state}, {status}");
    let said = logged("listen_adresses")?;
    systemctl(&["reset-failed", SERVICE])?;
    systemctl(&["start", SERVICE])?;
    Ok(said)
}

fn stop() -> Result<String> {
    let daemon = daemon()?;
    systemctl(&["stop", SERVICE])?;
    let result = [property("ActiveState")?, property("Result")?].join(", ");
    ensure!(result == "inactive, success", "{result}");
    ensure!(
        !Path::new(&format!("/proc/{daemon}")).exists(),
        "it is there"
    );
    Ok(result)
}

/// Who connects starts the service, and waits for the next process where one has crashed.
fn socket() -> Result<String> {
    let told = "[Service]\nEnvironment=GEOPHONE_WEB__SYSTEMD_SOCKET=true\n";
    add("socket.conf", told)?;
    systemctl(&["start", SOCKET])?;
    ensure!(property("ActiveState")? == "inactive", "it was started");
    Client::connect(ADDRESS)?.metrics()?;
    let daemon = daemon()?;
    kill(daemon, Signal::KILL)?;
    wait::until("the end of the process", LIMIT, || {
        Ok((property("MainPID")? != daemon.to_string()).then_some(()))
    })?;
    Client::connect(ADDRESS)?.metrics()?;
    let next = next_after(daemon)?;
    systemctl(&["stop", SOCKET, SERVICE])?;
    Ok(format!("{daemon} and {next} have answered"))
}

/// The modules and their states.
fn states() -> Result<Vec<(String, String)>> {
    let page = Client::connect(ADDRESS)?.metrics()?;
    let states = page.module_states().into_iter();
    Ok(states
        .map(|(name, state)| (name.to_owned(), state.to_owned()))
        .collect())
}

fn systemctl(arguments: &[&str]) -> Result<String> {
    output("systemctl", arguments)
}

fn property(name: &str) -> Result<String> {
    let value = systemctl(&["show", "--value", "--property", name, SERVICE])?;
    Ok(value.trim().to_owned())
}

/// The process of the service.
fn daemon() -> Result<u32> {
    let id = property("MainPID")?.parse()?;
    ensure!(id != 0, "the service does not run");
    Ok(id)
}

fn kill(daemon: u32, signal: Signal) -> Result<()> {
    let process = Pid::from_raw(i32::try_from(daemon)?).context("no process")?;
    Ok(kill_process(process, signal)?)
}

/// The process that systemd starts, and hears to be ready, in the place of one that has gone.
fn next_after(daemon: u32) -> Result<u32> {
    wait::until("the service to be started anew", LIMIT, || {
        let next: u32 = property("MainPID")?.parse()?;
        let is_ready = next != 0 && next != daemon && property("ActiveState")? == "active";
        Ok(is_ready.then_some(next))
    })
}

/// The line of the journal about the service that has this in it.
fn logged(what: &str) -> Result<String> {
    output("journalctl", &["--sync"])?;
    let said = output("journalctl", &["--unit", SERVICE, "--output", "cat"])?;
    let line = said.lines().find(|line| line.contains(what));
    let line = line.with_context(|| format!("nothing of {what} in the journal"))?;
    Ok(line.to_owned())
}

/// Adds to the service's unit.
fn add(name: &str, text: &str) -> Result<()> {
    fs::create_dir_all(ADDED)?;
    fs::write(Path::new(ADDED).join(name), text)?;
    systemctl(&["daemon-reload"]).map(drop)
}

fn remove(name: &str) -> Result<()> {
    fs::remove_file(Path::new(ADDED).join(name))?;
    systemctl(&["daemon-reload"])?;
    systemctl(&["restart", SERVICE]).map(drop)
}
