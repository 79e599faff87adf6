//! What goes wrong with one thing costs the metrics of that thing and no others, is counted, and
//! is told by `geophone_module_state`, `/status` and `geophone doctor`.

mod discovery;
#[cfg(target_arch = "x86_64")]
mod libraries;
mod programs;

use std::ffi::OsString;
use std::path::Path;
use std::time::{Duration, Instant};

use geophone_test_support::client::Client;
use geophone_test_support::daemon::Daemon;
use geophone_test_support::exposition::Exposition;
use geophone_test_support::process::{Ended, run_to_end, unconfigured};
use geophone_test_support::scenario::tcp;
use geophone_test_support::wait;
use rustix::process::Signal;

use crate::BINARY;

const PATIENCE: Duration = Duration::from_secs(20);

/// Far less than what does not answer would take, and more than a busy machine takes.
const AT_ONCE: Duration = Duration::from_secs(1);

/// Becomes a command in a mount namespace of its own, in which `script` was run.
pub fn behind(script: &str) -> Vec<OsString> {
    let script = format!("set -e; {script}; exec \"$@\"");
    let launcher = ["unshare", "--mount", "--propagation", "private"];
    let launcher = launcher.into_iter().chain(["sh", "-c", &script, "sh"]);
    launcher.map(OsString::from).collect()
}

/// What `geophone doctor` says of these modules alone.
fn doctor(launcher: &[OsString], directory: Option<&Path>, modules: &[&str]) -> Ended {
    let mut command = match launcher {
        [] => unconfigured(BINARY),
        [program, arguments @ ..] => {
            let mut command = unconfigured(program);
            command.args(arguments).arg(BINARY);
            command
        }
    };
    command.args(["doctor", "--module.disable-defaults"]);
    command.args(modules.iter().map(|module| format!("--module.{module}")));
    if let Some(directory) = directory {
        command.arg("--module-dir").arg(directory);
    }
    run_to_end(&mut command, PATIENCE).unwrap()
}

/// Waits for a page that is so.
fn until(daemon: &Daemon, what: &str, is: impl Fn(&Exposition) -> bool) -> Exposition {
    let mut client = daemon.client().unwrap();
    let page = wait::until(what, PATIENCE, || Ok(Some(client.metrics()?).filter(&is)));
    page.map_err(|error| format!("{error}\n{}", daemon.log()))
        .unwrap()
}

fn assert_states(daemon: &Daemon, page: &Exposition, expected: &[(&str, &str)]) {
    let states = page.module_states();
    for (module, state) in expected {
        assert_eq!(states[module], *state, "{module}:\n{}", daemon.log());
    }
}

/// That each of these pages gives the reason.
fn assert_told(client: &mut Client, reason: &str) {
    for page in ["/status", "/"] {
        let told = client.get(page, "").unwrap();
        assert!(told.text().contains(reason), "{page}: {}", told.text());
    }
}

/// That sweeps go on and answer at once, and that `tcp` counts what the kernel counts.
fn assert_goes_on(client: &mut Client) {
    let sweeps = |page: &Exposition| page.sum("geophone_sweeps_total", &[]).unwrap();
    let before = client.metrics().unwrap();
    let begin = Instant::now();
    let after = client.metrics().unwrap();
    assert!(begin.elapsed() < AT_ONCE, "{:?}", begin.elapsed());
    assert!(sweeps(&after) > sweeps(&before));
    let partial = after.sum("geophone_partial_snapshots_total", &[]);
    assert!(partial.unwrap() < 0.5, "{partial:?}");
    for comparison in tcp::connections(client, 50).unwrap() {
        println!("{comparison}");
        comparison.equal(1.0).unwrap();
    }
}

/// That SIGTERM ends the daemon as ever.
fn assert_ends(mut daemon: Daemon) {
    let (status, time) = daemon.stop(Signal::TERM).unwrap();
    assert!(status.success(), "{status}:\n{}", daemon.log());
    assert!(time < AT_ONCE, "{time:?}:\n{}", daemon.log());
}
