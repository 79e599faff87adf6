use geophone_test_support::loop_device::LoopDevice;
use geophone_test_support::scenario::block_io::{compare, until_exported, until_gone};

use crate::{geophone, turn};

/// The kernel stops its clock when it has woken up whoever waited, some microseconds after
/// the tracepoint.
const DURATION_SHARE: f64 = 0.1;
const COUNT: &str = "geophone_block_io_duration_seconds_count";

#[test]
fn requests_bytes_and_durations_agree_with_diskstats() {
    let Some(_turn) = turn() else { return };
    let device = LoopDevice::new(32 << 20).unwrap();
    let daemon = geophone(&["block_io"]).start().unwrap();
    let outcomes = compare(&mut daemon.client().unwrap(), &device, 2000).unwrap();
    for outcome in outcomes {
        println!(
            "{}\n{}\n{}",
            outcome.requests, outcome.bytes, outcome.duration
        );
        outcome.equal().unwrap();
        outcome.duration.within(DURATION_SHARE).unwrap();
    }
}

#[test]
fn series_go_with_their_device_and_come_with_it() {
    let Some(_turn) = turn() else { return };
    let daemon = geophone(&["block_io"]).start().unwrap();
    let mut client = daemon.client().unwrap();
    // Plugged in while the daemon runs.
    let mut device = LoopDevice::new(32 << 20).unwrap();
    let name = device.name();
    until_exported(&mut client, &name).unwrap();

    device.disappear().unwrap();
    until_gone(&mut client, &name).unwrap();

    device.come_back().unwrap();
    until_exported(&mut client, &name).unwrap();
    let outcomes = compare(&mut client, &device, 100).unwrap();
    for outcome in outcomes {
        outcome.equal().unwrap();
    }
}

#[test]
fn operations_of_a_device_are_there_before_their_first_request() {
    let Some(_turn) = turn() else { return };
    let device = LoopDevice::new(32 << 20).unwrap();
    let daemon = geophone(&["block_io"]).start().unwrap();
    let mut client = daemon.client().unwrap();
    until_exported(&mut client, &device.name()).unwrap();
    let page = client.metrics().unwrap();
    for operation in ["read", "write", "discard", "flush", "other"] {
        let labels = [
            ("device", device.name()),
            ("operation", operation.to_owned()),
        ];
        let labels = labels
            .each_ref()
            .map(|(label, value)| (*label, value.as_str()));
        assert!(page.sum(COUNT, &labels).is_some(), "{operation}");
    }
}
