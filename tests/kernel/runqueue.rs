use std::time::Duration;

use geophone_test_support::bracket::UNSEEN;
use geophone_test_support::scenario::runqueue::{groups, machine};

use crate::{geophone, turn};

pub const TIME: Duration = Duration::from_secs(2);

#[test]
fn waits_switches_and_migrations_are_the_schedulers() {
    let Some(_turn) = turn() else { return };
    let daemon = geophone(&["runqueue"]).start().unwrap();
    let mut client = daemon.client().unwrap();
    for comparison in machine(&mut client, TIME, UNSEEN).unwrap() {
        println!("{comparison}");
    }
}

#[test]
fn a_group_waits_as_long_as_its_tasks() {
    let Some(_turn) = turn() else { return };
    let section = "[modules.runqueue]\nper_cgroup = true\n";
    let daemon = geophone(&["runqueue"]).configuration(section);
    let daemon = daemon.start().unwrap();
    let mut client = daemon.client().unwrap();
    for comparison in groups(&mut client, TIME, UNSEEN).unwrap() {
        println!("{comparison}");
    }
}
