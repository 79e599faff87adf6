use geophone_test_support::scenario::tcp::{connections, refusals, retransmissions};

use crate::{geophone, turn};

#[test]
fn connections_and_resets_equal_the_kernels() {
    let Some(_turn) = turn() else { return };
    let daemon = geophone(&["tcp"]).start().unwrap();
    let comparisons = connections(&mut daemon.client().unwrap(), 100).unwrap();
    for comparison in comparisons {
        println!("{comparison}");
        comparison.equal(1.0).unwrap();
    }
}

#[test]
fn refused_connections_equal_the_kernels() {
    let Some(_turn) = turn() else { return };
    let daemon = geophone(&["tcp"]).start().unwrap();
    let refusals = refusals(&mut daemon.client().unwrap(), 100).unwrap();
    for comparison in [refusals.failed, refusals.received, refusals.sent] {
        println!("{comparison}");
        comparison.equal(1.0).unwrap();
    }
}

#[test]
fn retransmitted_segments_equal_the_kernels_on_a_lossy_wire() {
    let Some(_turn) = turn() else { return };
    let daemon = geophone(&["tcp"]).start().unwrap();
    let comparisons = retransmissions(&mut daemon.client().unwrap(), 4, 8 << 20).unwrap();
    for comparison in comparisons {
        println!("{comparison}");
        // A run may stand for any number of segments, so none may be missed.
        comparison.equal(0.0).unwrap();
    }
}
