//! Control groups that come and go.

use std::time::Duration;

use geophone_test_support::control_group::Group;
use geophone_test_support::wait;

use crate::{geophone, turn};

const LIMIT: Duration = Duration::from_secs(20);
const COUNT: &str = "geophone_runqueue_cgroup_wait_seconds_count";

#[test]
fn a_group_has_series_as_long_as_it_is_there() {
    let Some(_turn) = turn() else { return };
    let section = "[modules.runqueue]\nper_cgroup = true\n";
    let daemon = geophone(&["runqueue"]).configuration(section);
    let daemon = daemon.start().unwrap();
    let mut client = daemon.client().unwrap();
    let group = Group::new().unwrap();
    let label = group.label().to_owned();
    let labels = [("cgroup", &*label)];
    let count = wait::until("the group's series", LIMIT, || {
        Ok(client.metrics()?.sum(COUNT, &labels))
    });
    // Nothing is in it.
    assert!(count.unwrap().abs() < 0.5);

    drop(group);
    wait::until("the group's series to go", LIMIT, || {
        let gone = client.metrics()?.sum(COUNT, &labels);
        Ok(gone.is_none().then_some(()))
    })
    .unwrap();
    let page = client.metrics().unwrap();
    for label in ["/", "other"] {
        assert!(page.sum(COUNT, &[("cgroup", label)]).is_some(), "{label}");
    }
}
