use std::time::{Duration, Instant};

use geophone_test_support::control_group::Group;
use geophone_test_support::exposition::Exposition;
use geophone_test_support::stub::{Caller, Library, Stub};
use geophone_test_support::wait;

use super::PATIENCE;
use crate::{geophone, turn};

const CALLS: &str = "geophone_cudart_calls_total";

/// What a process of the group has of a metric with the label.
fn of(
    page: &Exposition,
    metric: &str,
    [workload, pid]: [&str; 2],
    label: (&str, &str),
) -> Option<f64> {
    page.sum(metric, &[("workload", workload), ("pid", pid), label])
}

#[test]
fn processes_of_a_group_are_told_apart_if_asked() {
    const LAUNCHES: (&str, &str) = ("operation", "kernel_launch");
    const HELD: &str = "geophone_cudart_memory_outstanding_bytes";
    const DEVICE: (&str, &str) = ("kind", "device");
    let Some(_turn) = turn() else { return };
    let group = Group::named("geophone-test-processes").unwrap();
    let stub = Stub::build(Library::Cudart).unwrap();
    let configuration = "[modules.cudart]\nper_process = true\nshort_names = false\n";
    let options = geophone(&["cudart"]).configuration(configuration);
    let daemon = options.start().unwrap();
    let mut client = daemon.client().unwrap();
    let mut callers = [stub.start(&[]).unwrap(), stub.start(&[]).unwrap()];
    for caller in &callers {
        group.take(caller.id()).unwrap();
    }
    let ids = callers.each_ref().map(|caller| caller.id().to_string());
    for id in &ids {
        wait::until("series of both", PATIENCE, || {
            let page = client.metrics()?;
            Ok(of(&page, CALLS, [group.label(), id], LAUNCHES).map(|_| ()))
        })
        .unwrap();
    }
    for (caller, (calls, bytes)) in callers.iter_mut().zip([(30, 4096), (5, 512)]) {
        assert_eq!(caller.call("cudaLaunchKernel", calls, &[]).unwrap(), 0);
        let arguments = [Caller::NEW, bytes];
        assert_eq!(caller.call("cudaMalloc", 2, &arguments).unwrap(), 0);
    }
    let page = client.metrics().unwrap();
    for (id, calls, bytes) in [(&ids[0], 30.0, 8192.0), (&ids[1], 5.0, 1024.0)] {
        let whose = [group.label(), id];
        assert_eq!(of(&page, CALLS, whose, LAUNCHES), Some(calls));
        assert_eq!(of(&page, HELD, whose, DEVICE), Some(bytes));
    }
    let other = ["other", "other"];
    assert_eq!(of(&page, CALLS, other, LAUNCHES), Some(0.0));
    assert_eq!(of(&page, HELD, other, DEVICE), Some(0.0));

    // What one did stays a while; what it held is gone.
    let [first, _second] = callers;
    drop(first);
    let page = client.metrics().unwrap();
    let whose = [group.label(), &ids[0]];
    assert_eq!(of(&page, CALLS, whose, LAUNCHES), Some(30.0));
    assert_eq!(of(&page, HELD, whose, DEVICE), Some(0.0));
}

/// Old ones are looked at once a minute.
#[test]
fn an_old_process_is_known_soon_after_its_first_call() {
    const OLD: Duration = Duration::from_secs(11);
    const SOON: Duration = Duration::from_secs(5);
    let Some(_turn) = turn() else { return };
    let started = Instant::now();
    let stub = Stub::build(Library::Cudart).unwrap();
    let mut late = stub.start_with(&[]).unwrap();
    wait::until("a process to be old", 2 * OLD, || {
        Ok((started.elapsed() > OLD).then_some(()))
    })
    .unwrap();
    let configuration = "[modules.cudart]\nper_process = true\n";
    let options = geophone(&["cudart"]).configuration(configuration);
    let daemon = options.start().unwrap();
    let mut client = daemon.client().unwrap();
    let mut until_known = |caller: &Caller, limit| {
        let id = caller.id().to_string();
        wait::until("series of the process", limit, || {
            let page = client.metrics()?;
            Ok(page.sum(CALLS, &[("pid", &id)]).map(drop))
        })
    };
    let first = stub.start(&[]).unwrap();
    until_known(&first, PATIENCE).unwrap();

    late.open(&stub.library()).unwrap();
    late.call("cudaDeviceSynchronize", 1, &[]).unwrap();
    until_known(&late, SOON).unwrap();
}

#[test]
fn without_the_option_there_is_no_process_id() {
    let Some(_turn) = turn() else { return };
    let stub = Stub::build(Library::Cudart).unwrap();
    let daemon = geophone(&["cudart"]).start().unwrap();
    let mut client = daemon.client().unwrap();
    let caller = stub.start(&[]).unwrap();
    super::until_known(&mut client, "cudart");
    let id = caller.id().to_string();
    let page = client.metrics().unwrap();
    for pid in ["other", &id] {
        assert_eq!(page.sum(CALLS, &[("pid", pid)]), None);
    }
}
