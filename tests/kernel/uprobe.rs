//! Probes on a library's functions, at the places that are chosen for them: every call is seen
//! once, with its argument and its result, and returns what it does without a probe.

use geophone::kernel::uprobe::{Execution, Library};
use geophone_test_support::probe::{Probe, Seen};
use geophone_test_support::replica::{Calls, Replica, THUNK};

use crate::turn;

const THREADS: u64 = 8;
const CALLS: u64 = 1000;

/// What the programs must have seen after `CALLS` calls in each of `THREADS`.
fn all_calls(returns: bool) -> Seen {
    let Calls { arguments, results } = Calls::of(CALLS);
    let returned = u64::from(returns);
    Seen {
        entries: THREADS * CALLS,
        arguments: THREADS * arguments,
        returns: returned * THREADS * CALLS,
        results: returned * THREADS * results,
    }
}

/// Attaches at the place that is chosen, or elsewhere in the function, and calls it.
fn seen(replica: &Replica, function: &str, elsewhere: Option<u64>, returns: bool) -> Seen {
    let library = Library::open(&replica.library()).unwrap();
    let sites = library.sites([function]).unwrap();
    let site = sites.first().unwrap();
    let offset = elsewhere.map_or(site.offset(), |offset| site.function.offset + offset);
    let probe = Probe::attach(&replica.library(), offset, returns).unwrap();
    replica.call(function, CALLS, THREADS).unwrap();
    probe.seen().unwrap()
}

#[test]
fn every_call_is_seen_once_with_its_argument_and_result() {
    let Some(_turn) = turn() else { return };
    let replica = Replica::build().unwrap();
    for function in [
        THUNK,
        "thunk_of_zero",
        "thunk_unsized",
        "push",
        "push_high",
        "endbr_push",
        "work_push",
        "nop_jump",
        "endbr_jump",
        "endbr_jcc",
        "long_nop",
        "long_nop_push",
        "prefixed_nop",
        "endbr_sub",
        "endbr_call",
        "clobber",
        "store",
        "loop",
        "far_loop",
        "whole_loop",
    ] {
        for returns in [false, true] {
            let seen = seen(&replica, function, None, returns);
            assert_eq!(seen, all_calls(returns), "{function}, {returns}");
        }
    }
}

#[test]
fn the_first_instruction_sees_the_same() {
    let Some(_turn) = turn() else { return };
    let replica = Replica::build().unwrap();
    for returns in [false, true] {
        let seen = seen(&replica, THUNK, Some(0), returns);
        assert_eq!(seen, all_calls(returns), "{returns}");
    }
}

/// What the rules are for: the first instruction of `loop` that the kernel emulates is in its
/// loop, and a probe there would count the turns.
#[test]
fn a_place_that_is_passed_over_would_have_counted_wrong() {
    let Some(_turn) = turn() else { return };
    let replica = Replica::build().unwrap();
    let library = Library::open(&replica.library()).unwrap();
    let sites = library.sites(["loop"]).unwrap();
    let placement = sites.first().unwrap().placement;
    assert_eq!(
        (placement.offset, placement.execution),
        (0, Execution::Stepped)
    );

    let turns = THREADS * (Calls::of(CALLS).arguments + CALLS);
    assert_eq!(seen(&replica, "loop", Some(10), false).entries, turns);
}

/// Attaching, and detaching, disturbs nobody who is in the middle of a call.
#[test]
fn probes_come_and_go_while_the_library_is_used() {
    let Some(_turn) = turn() else { return };
    let replica = Replica::build().unwrap();
    let library = Library::open(&replica.library()).unwrap();
    let sites = library.sites([THUNK, "endbr_push"]).unwrap();
    std::thread::scope(|scope| {
        let users = [THUNK, "endbr_push"].map(|function| {
            let replica = &replica;
            scope.spawn(move || replica.call(function, 100_000, 2).map(drop))
        });
        let mut attached = 0;
        while !users.iter().all(std::thread::ScopedJoinHandle::is_finished) {
            for site in &sites {
                let probe = Probe::attach(&replica.library(), site.offset(), true).unwrap();
                // Each return had an entry, but calls go on between two readings.
                let (before, after) = (probe.seen().unwrap(), probe.seen().unwrap());
                assert!(before.returns <= after.entries, "{before:?}, {after:?}");
                attached += 1;
            }
        }
        for user in users {
            user.join().unwrap().unwrap();
        }
        assert!(attached > 0);
    });
}
