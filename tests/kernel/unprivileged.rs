//! The daemon as an ordinary user, with the capabilities that tracing takes and no others.

use geophone_test_support::bracket::UNSEEN;
use geophone_test_support::daemon::Options;
use geophone_test_support::privileges;
use geophone_test_support::scenario::{runqueue, tcp};

use crate::{BINARY, runqueue::TIME, turn};

#[test]
fn an_ordinary_user_measures_the_same() {
    let Some(_turn) = turn() else { return };
    let daemon = Options::new(BINARY).as_ordinary_user().start().unwrap();
    let status = std::fs::read_to_string(format!("/proc/{}/status", daemon.id())).unwrap();
    assert!(status.contains("\nUid:\t65534\t65534\t"), "{status}");
    let mut client = daemon.client().unwrap();
    let page = client.metrics().unwrap();
    let states = page.module_states();
    for module in ["runqueue", "block_io", "tcp"] {
        assert_eq!(states[module], "active", "{module}:\n{}", daemon.log());
    }
    for comparison in runqueue::machine(&mut client, TIME, UNSEEN).unwrap() {
        println!("{comparison}");
    }
    for comparison in tcp::connections(&mut client, 100).unwrap() {
        println!("{comparison}");
        comparison.equal(1.0).unwrap();
    }
    // Of the two, those who do not attach to anything have none left.
    for thread in privileges::of_threads(daemon.id()).unwrap() {
        let may_attach = ["drivers", "libraries", "library-reader"].contains(&&*thread.name);
        assert!(
            may_attach || thread.permitted.is_empty() || thread.name == "sweep",
            "{thread:?}"
        );
    }
}
