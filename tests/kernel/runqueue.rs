use std::time::Duration;

use geophone_test_support::load::schedule::Placement;
use geophone_test_support::scenario::runqueue::compare;

use crate::{geophone, turn};

#[test]
fn waits_and_switches_agree_with_schedstat_of_all_tasks() {
    let Some(_turn) = turn() else { return };
    let daemon = geophone(&["runqueue"]).start().unwrap();
    for placement in [Placement::Pinned, Placement::Free] {
        println!("{placement:?}");
        let time = Duration::from_secs(3);
        for comparison in compare(&mut daemon.client().unwrap(), time, placement).unwrap() {
            println!("{comparison}");
        }
    }
}
