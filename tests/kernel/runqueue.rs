use std::time::Duration;

use geophone_test_support::scenario::runqueue::compare;

use crate::{geophone, turn};

/// The tasks' counters are read one after the other, some milliseconds before and after
/// the sweep: that is the difference this allows for.
const SHARE: f64 = 0.02;

#[test]
fn waits_and_switches_agree_with_schedstat_of_all_tasks() {
    let Some(_turn) = turn() else { return };
    let daemon = geophone(&["runqueue"]).start().unwrap();
    let comparisons = compare(&mut daemon.client().unwrap(), Duration::from_secs(3)).unwrap();
    for comparison in comparisons {
        println!("{comparison}");
        comparison.within(SHARE).unwrap();
    }
}
