use std::time::Duration;

use geophone_test_support::daemon::Options;
use geophone_test_support::programs;
use rustix::process::Signal;

use crate::{BINARY, turn};

/// Ends a daemon that has every module by `signal`; gives the time that took.
fn end_by(signal: Signal) -> (bool, Duration) {
    let mut daemon = Options::new(BINARY).start().unwrap();
    let held = programs::of_process(daemon.id()).unwrap();
    assert!(
        !held.is_empty(),
        "the daemon holds no program:\n{}",
        daemon.log()
    );
    assert!(held.is_subset(&programs::loaded()));
    let (status, time) = daemon.stop(signal).unwrap();
    programs::freed(&held).unwrap();
    (status.success(), time)
}

#[test]
fn an_interrupt_or_a_termination_ends_it_within_a_second_and_leaves_nothing_attached() {
    let Some(_turn) = turn() else { return };
    for signal in [Signal::INT, Signal::TERM] {
        let (success, time) = end_by(signal);
        assert!(success, "{signal:?}");
        assert!(time < Duration::from_secs(1), "{signal:?}: {time:?}");
    }
}

#[test]
fn a_kill_leaves_nothing_attached() {
    let Some(_turn) = turn() else { return };
    end_by(Signal::KILL);
}

#[test]
fn every_built_in_module_is_active_or_says_why_not() {
    let Some(_turn) = turn() else { return };
    let daemon = Options::new(BINARY).start().unwrap();
    let page = daemon.client().unwrap().metrics().unwrap();
    for module in ["runqueue", "block_io", "tcp"] {
        let labels = [("module", module), ("state", "active")];
        assert_eq!(
            page.sum("geophone_module_state", &labels),
            Some(1.0),
            "{}",
            daemon.log()
        );
        assert!(daemon.log().contains(module), "no line about {module}");
    }
}

/// A verifier that rejects the better of two programs costs its users time at every event.
#[test]
fn nothing_that_is_built_in_is_on_a_fall_back() {
    let Some(_turn) = turn() else { return };
    let daemon = Options::new(BINARY).start().unwrap();
    let page = daemon.client().unwrap().metrics().unwrap();
    let warnings = page.sum("geophone_log_messages_total", &[("level", "warn")]);
    assert!(warnings.unwrap() < 0.5, "{}", daemon.log());
}
