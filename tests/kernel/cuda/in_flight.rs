//! More calls at the same time than there is room for.

use std::time::Duration;

use geophone_test_support::client::Client;
use geophone_test_support::cuda::{Calls, Driver};
use geophone_test_support::wait;

use super::{PATIENCE, calls, of, until_known};
use crate::{geophone, turn};

const SYNCHRONIZED: (&str, &str) = ("operation", "stream_synchronize");

#[test]
fn calls_beyond_those_that_can_be_in_flight_are_counted() {
    const ROOM: u32 = 64;
    const EXCESS: u32 = 7;
    const LONG: i64 = 5_000_000;
    let Some(_turn) = turn() else { return };
    let driver = Driver::build().unwrap();
    let configuration = format!("[modules.cuda]\nmax_in_flight = {ROOM}\n");
    let options = geophone(&["cuda"]).configuration(&configuration);
    let daemon = options.start().unwrap();
    let mut client = daemon.client().unwrap();
    let mut first = driver.start().unwrap();
    let mut second = driver.start().unwrap();
    until_known(&mut client);
    let synchronize = |threads, microseconds| Calls {
        threads,
        ..calls("cuStreamSynchronize", 1, [microseconds, 0, 0])
    };
    // Known by a call of its own, each.
    for application in [&mut first, &mut second] {
        wait::until("the application's calls", PATIENCE, || {
            let before = of(&client.metrics()?, "calls_total", SYNCHRONIZED);
            assert_eq!(application.call(&synchronize(1, 0)).unwrap(), 0);
            let after = of(&client.metrics()?, "calls_total", SYNCHRONIZED);
            Ok((after > before).then_some(()))
        })
        .unwrap();
    }
    let before = client.metrics().unwrap();

    first.tell(&synchronize(ROOM, LONG)).unwrap();
    wait::until("no room", Duration::from_secs(2), || {
        let labels = [("map", "CUDA_IN_FLIGHT")];
        let entries = client.metrics()?.sum("geophone_map_entries", &labels);
        Ok((entries == Some(f64::from(ROOM))).then_some(()))
    })
    .unwrap();
    assert_eq!(second.call(&synchronize(EXCESS, 0)).unwrap(), 0);
    let untracked = |client: &mut Client| {
        let page = client.metrics().unwrap();
        page.sum("geophone_cuda_untracked_calls_total", &[])
    };
    assert_eq!(untracked(&mut client), Some(f64::from(EXCESS)));

    assert_eq!(first.answer().unwrap(), 0);
    // There is room again.
    assert_eq!(second.call(&synchronize(EXCESS, 0)).unwrap(), 0);
    assert_eq!(untracked(&mut client), Some(f64::from(EXCESS)));
    let page = client.metrics().unwrap();
    for metric in ["calls_total", "call_duration_seconds_count"] {
        let new = of(&page, metric, SYNCHRONIZED) - of(&before, metric, SYNCHRONIZED);
        assert_eq!(new, u64::from(ROOM + EXCESS), "{metric}");
    }
}
