use std::time::Duration;

use geophone_test_support::scenario::runqueue::agree;

use crate::{geophone, turn};

/// The tasks' counters are read one after the other, some milliseconds before and after
/// the sweep: that is the difference this allows for.
const SHARE: f64 = 0.02;

#[test]
fn waits_switches_and_migrations_agree_with_the_sums_over_all_tasks() {
    let Some(_turn) = turn() else { return };
    let daemon = geophone(&["runqueue"]).start().unwrap();
    let mut client = daemon.client().unwrap();
    for comparison in agree(&mut client, Duration::from_secs(2), SHARE).unwrap() {
        println!("{comparison}");
    }
}
