//! What the kernel measures of our programs, and when.

use std::process::Command;
use std::time::{Duration, Instant};

use geophone_test_support::bracket::{Comparison, Reading, UNSEEN};
use geophone_test_support::exposition::Exposition;
use geophone_test_support::load::schedule::Competition;
use geophone_test_support::oracle::schedule::switches;
use geophone_test_support::process::{Ended, run_to_end, unconfigured};
use geophone_test_support::wait;

use crate::{BINARY, geophone, turn};

const LIMIT: Duration = Duration::from_secs(20);
const ON: &str = "geophone_run_statistics_seconds_total";
const SECONDS: &str = "geophone_program_sampled_run_seconds_total";
const RUNS: &str = "geophone_program_sampled_runs_total";
const PROGRAM: [(&str, &str); 1] = [("program", "sched_switch")];

/// The arguments that `geophone collect` needs here.
fn collect(command: &mut Command) -> &mut Command {
    command
        .args(["collect", "--for", "500ms", "--log.level", "error"])
        .args(["--module.disable-defaults", "--module.runqueue"])
}

#[test]
fn a_window_as_long_as_the_period_measures_every_run() {
    let Some(_turn) = turn() else { return };
    let section = "[statistics]\nwindow = \"1s\"\nperiod = \"1s\"\n";
    let daemon = geophone(&["runqueue"]).configuration(section);
    let daemon = daemon.start().unwrap();
    let mut client = daemon.client().unwrap();
    wait::until("the statistics to be on", LIMIT, || {
        let on = client.metrics()?.sum(ON, &[]);
        Ok(on.filter(|on| *on > 0.0))
    })
    .unwrap();

    let read = || Ok((Instant::now(), switches()?));
    let load = Competition::new(2, 2).unwrap();
    let from = Reading::take(&mut client, read).unwrap();
    // Longer than a window and the pause that there was if it began anew.
    load.run(Duration::from_millis(2500));
    let to = Reading::take(&mut client, read).unwrap();

    let against =
        |metric: &str, labels: &[_], kernel: fn((Instant, u64), (Instant, u64)) -> f64| {
            Comparison::between(
                metric,
                "runqueue",
                (&from, &to),
                |page: &Exposition| page.sum(metric, labels),
                |earlier, later| kernel(*earlier, *later),
            )
            .unwrap()
        };
    let on = against(ON, &[], |(from, _), (to, _)| (to - from).as_secs_f64());
    let runs = against(RUNS, &PROGRAM, |(_, from), (_, to)| (to - from) as f64);
    println!("{on}\n{runs}");
    on.equal(0.0).unwrap();
    runs.nearly_equal(UNSEEN * runs.kernel.0, 1.0).unwrap();
    let spent = |page: &Exposition| page.sum(SECONDS, &PROGRAM).unwrap();
    assert!(spent(&to.page) > spent(&from.page));
}

#[test]
fn a_collection_measures_all_the_while_if_asked() {
    let Some(_turn) = turn() else { return };
    let collected = |flags: &[&str]| {
        let mut command = unconfigured(BINARY);
        let ended = run_to_end(collect(&mut command).args(flags), LIMIT).unwrap();
        assert!(ended.status.success(), "{}", ended.said);
        Exposition::parse(&ended.said).unwrap()
    };
    let page = collected(&["--run-statistics"]);
    let of = |metric: &str| page.sum(metric, &PROGRAM).unwrap();
    assert!(page.sum(ON, &[]).unwrap() >= 0.5);
    assert!(of(RUNS) > 0.0 && of(SECONDS) > 0.0);

    assert!(collected(&[]).sum(ON, &[]).unwrap().abs() < 1e-9);
}

#[test]
fn a_collection_that_may_not_measure_says_so_at_once() {
    let Some(_turn) = turn() else { return };
    let refused = |flags: &[&str]| {
        let mut command = unconfigured("setpriv");
        command.args(["--bounding-set", "-sys_admin"]).arg(BINARY);
        run_to_end(collect(&mut command).args(flags), LIMIT).unwrap()
    };
    let Ended { status, said } = refused(&["--run-statistics"]);
    assert_eq!(status.code(), Some(1), "{said}");
    for expected in ["--run-statistics", "CAP_SYS_ADMIN", "sudo"] {
        assert!(said.contains(expected), "no {expected} in: {said}");
    }
    assert!(!said.contains("geophone_"), "{said}");

    let without = refused(&[]);
    assert!(without.status.success(), "{}", without.said);
}
