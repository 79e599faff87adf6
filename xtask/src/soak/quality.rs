//! What the daemon says of itself that is not good.

use anyhow::Result;
use geophone_test_support::daemon::Daemon;
use geophone_test_support::exposition::Exposition;
use geophone_test_support::process::sum_over_programs;

const LOGGED: &str = "geophone_log_messages_total";
const MISSED: &str = "geophone_program_missed_runs_total";

/// What is always there.
const MODULES: [&str; 3] = ["runqueue", "block_io", "tcp"];

/// Runs of its programs that the kernel skipped, as the daemon says.
pub fn missed(page: &Exposition) -> Option<f64> {
    page.sum(MISSED, &[])
}

/// What is wrong with a daemon that has been through something, and with a page that it gave.
pub fn faults(daemon: &Daemon, page: &Exposition) -> Result<Vec<String>> {
    let mut faults = Vec::new();
    let states = page.module_states();
    for module in MODULES {
        let state = states.get(module);
        if state != Some(&"active") {
            faults.push(format!("{module} is {state:?}"));
        }
    }
    // The kernel tells it in two ways; later it may be more.
    let known = sum_over_programs(daemon.id(), "recursion_misses:")?;
    let known = known.map(|known| known as f64);
    let told = missed(page);
    if told.is_some() != known.is_some() || told > known {
        faults.push(format!("{told:?} runs missed are told of {known:?}"));
    }
    Ok(faults)
}

/// What a daemon says of itself that it never has to on a machine that is merely busy.
pub fn warnings(daemon: &Daemon, page: &Exposition) -> Vec<String> {
    let mut faults = Vec::new();
    for name in [
        "geophone_partial_snapshots_total",
        "geophone_discovery_errors_total",
    ] {
        let count = page.sum(name, &[]);
        if count != Some(0.0) {
            faults.push(format!("{name}: {count:?}"));
        }
    }
    let levels = ["warn", "error"];
    let logged = levels.map(|level| page.sum(LOGGED, &[("level", level)]));
    if logged != [Some(0.0); 2] {
        faults.push(format!("messages with {levels:?}: {logged:?}"));
        let log = daemon.log();
        let is_bad = |line: &&str| {
            let mut words = line.split(' ');
            words.any(|word| word == "level=warn" || word == "level=error")
        };
        faults.extend(log.lines().filter(is_bad).map(str::to_owned));
    }
    faults
}
