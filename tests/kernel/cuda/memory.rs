//! Memory that the applications hold: what they allocated and did not free.

use geophone_test_support::client::Client;
use geophone_test_support::cuda::{Application, Calls, Driver};
use geophone_test_support::exposition::Exposition;
use geophone_test_support::wait;

use super::{PATIENCE, calls, daemon, of, until_known};
use crate::{geophone, turn};

const KINDS: [&str; 6] = ["device", "managed", "host", "registered", "pool", "virtual"];

fn allocate(function: &'static str, count: u64, bytes: i64) -> Calls {
    calls(function, count, [Application::NEW, bytes, 0])
}

fn free(function: &'static str, count: u64) -> Calls {
    calls(function, count, [Application::LATEST, 0, 0])
}

fn outstanding(page: &Exposition) -> [u64; 6] {
    KINDS.map(|kind| of(page, "memory_outstanding_bytes", ("kind", kind)))
}

fn allocated(page: &Exposition) -> [u64; 6] {
    KINDS.map(|kind| of(page, "memory_allocated_bytes_total", ("kind", kind)))
}

/// No room, unreadable addresses, frees of what is not known.
fn lost(client: &mut Client) -> [f64; 3] {
    let page = client.metrics().unwrap();
    let untracked = |reason| {
        let labels = [("reason", reason)];
        page.sum("geophone_cuda_untracked_allocations_total", &labels)
    };
    let unmatched = page.sum("geophone_cuda_unmatched_frees_total", &[]);
    [untracked("no_room"), untracked("unreadable"), unmatched].map(Option::unwrap)
}

fn known(driver: &Driver, client: &mut Client) -> Application {
    let application = driver.start().unwrap();
    until_known(client);
    application
}

#[test]
fn outstanding_bytes_are_those_allocated_and_not_freed() {
    let Some(_turn) = turn() else { return };
    let driver = Driver::build().unwrap();
    let daemon = daemon();
    let mut client = daemon.client().unwrap();
    let mut application = known(&driver, &mut client);
    assert_eq!(outstanding(&client.metrics().unwrap()), [0; 6]);

    let rows = [Application::NEW, Application::PITCH, 1000];
    for made in [
        allocate("cuMemAlloc_v2", 10, 4096),
        calls("cuMemAllocPitch_v2", 2, rows),
        allocate("cuMemAllocManaged", 3, 1 << 20),
        allocate("cuMemHostAlloc", 4, 100),
        calls("cuMemHostRegister_v2", 1, [0x5000, 8192, 0]),
        allocate("cuMemAllocAsync_ptsz", 5, 512),
        // The first handle is the number of the registered address.
        allocate("cuMemCreate", 2, 2 << 20),
    ] {
        assert_eq!(application.call(&made).unwrap(), 0, "{made:?}");
    }
    let device = 10 * 4096 + 2 * 1024 * Application::ROWS;
    let all = [device, 3 << 20, 400, 8192, 5 * 512, 4 << 20];
    let page = client.metrics().unwrap();
    assert_eq!((outstanding(&page), allocated(&page)), (all, all));

    // The other way round: what was allocated last is freed first.
    let release = |address| calls("cuMemRelease", 1, [address, 0, 0]);
    for made in [
        release(0x5000),
        calls("cuMemHostUnregister", 1, [0x5000, 0, 0]),
    ] {
        assert_eq!(application.call(&made).unwrap(), 0);
    }
    let left = [device, 3 << 20, 400, 0, 5 * 512, 2 << 20];
    assert_eq!(outstanding(&client.metrics().unwrap()), left);
    assert_eq!(application.call(&free("cuMemRelease", 1)).unwrap(), 0);
    // The first handle again, which nobody has any more.
    assert_eq!(application.call(&free("cuMemRelease", 1)).unwrap(), 0);
    assert_eq!(
        application.call(&free("cuMemFreeAsync_ptsz", 5)).unwrap(),
        0
    );
    assert_eq!(application.call(&free("cuMemFreeHost", 4)).unwrap(), 0);
    assert_eq!(
        application.call(&free("cuMemFree_v2", 3 + 2 + 9)).unwrap(),
        0
    );
    let page = client.metrics().unwrap();
    assert_eq!(outstanding(&page), [4096, 0, 0, 0, 0, 0]);
    assert_eq!(allocated(&page), all);
    assert_eq!(
        lost(&mut client).map(f64::to_bits),
        [0.0, 0.0, 1.0].map(f64::to_bits)
    );
}

#[test]
fn what_fails_changes_nothing_and_what_is_unknown_is_counted() {
    let Some(_turn) = turn() else { return };
    let driver = Driver::build().unwrap();
    let daemon = daemon();
    let mut client = daemon.client().unwrap();
    let mut application = known(&driver, &mut client);
    let made = allocate("cuMemAlloc_v2", 5, 4096);
    assert_eq!(application.call(&made).unwrap(), 0);

    let too_much = allocate("cuMemAlloc_v2", 3, 1 << 31);
    assert_eq!(application.call(&too_much).unwrap(), 3 * 2);
    let failing = calls("cuMemFree_v2", 4, [Application::LATEST, 1, 0]);
    assert_eq!(application.call(&failing).unwrap(), 4 * 719);
    let page = client.metrics().unwrap();
    assert_eq!(outstanding(&page), [5 * 4096, 0, 0, 0, 0, 0]);
    assert_eq!(allocated(&page)[0], 5 * 4096);

    for nothing_known in [
        calls("cuMemFree_v2", 7, [0x1234, 0, 0]),
        // To free nothing is allowed.
        calls("cuMemFree_v2", 2, [0, 0, 0]),
        // An address that nobody can read.
        calls("cuMemAlloc_v2", 6, [0, 4096, 0]),
    ] {
        assert_eq!(application.call(&nothing_known).unwrap(), 0);
    }
    assert_eq!(
        lost(&mut client).map(f64::to_bits),
        [0.0, 6.0, 7.0].map(f64::to_bits)
    );
    assert_eq!(application.call(&free("cuMemFree_v2", 5)).unwrap(), 0);
    assert_eq!(outstanding(&client.metrics().unwrap()), [0; 6]);
}

#[test]
fn many_threads_that_are_given_each_others_addresses_lose_nothing() {
    const THREADS: u32 = 64;
    let Some(_turn) = turn() else { return };
    let driver = Driver::build().unwrap();
    let daemon = daemon();
    let mut client = daemon.client().unwrap();
    let mut application = known(&driver, &mut client);
    let threads = |calls| Calls {
        threads: THREADS,
        ..calls
    };
    let all = [
        threads(allocate("cuMemAlloc_v2", 100, 4096)),
        threads(allocate("cuMemAlloc_v2+cuMemFree_v2", 500, 1 << 20)),
        threads(free("cuMemFree_v2", 40)),
    ];
    for made in &all {
        assert_eq!(application.call(made).unwrap(), 0);
    }
    let page = client.metrics().unwrap();
    let threads = u64::from(THREADS);
    assert_eq!(outstanding(&page)[0], threads * 60 * 4096);
    assert_eq!(allocated(&page)[0], threads * ((100 * 4096) + (500 << 20)));
    assert_eq!(lost(&mut client).map(f64::to_bits), [0; 3]);
}

#[test]
fn a_process_that_ends_holds_nothing() {
    let Some(_turn) = turn() else { return };
    let driver = Driver::build().unwrap();
    let daemon = daemon();
    let mut client = daemon.client().unwrap();
    let mut survivor = known(&driver, &mut client);
    let mut victim = driver.start().unwrap();
    let made = allocate("cuMemAllocManaged", 50, 4096);
    wait::until("both to be known", PATIENCE, || {
        assert_eq!(victim.call(&made).unwrap(), 0);
        let held = outstanding(&client.metrics()?)[1];
        // Before that what it holds is that of others.
        Ok((held >= 50 * 4096).then_some(()))
    })
    .unwrap();
    assert_eq!(survivor.call(&made).unwrap(), 0);
    let entries = |client: &mut Client| {
        let page = client.metrics().unwrap();
        let labels = [("map", "CUDA_ALLOCATIONS")];
        page.sum("geophone_map_entries", &labels).unwrap()
    };
    assert!(entries(&mut client) >= 100.0);
    drop(victim);
    let page = client.metrics().unwrap();
    assert_eq!(outstanding(&page), [0, 50 * 4096, 0, 0, 0, 0]);
    assert!((entries(&mut client) - 50.0).abs() < 0.5);
    drop(survivor);
    assert_eq!(outstanding(&client.metrics().unwrap()), [0; 6]);
    assert!(entries(&mut client) < 0.5);
}

#[test]
fn what_there_is_no_room_for_is_counted() {
    let Some(_turn) = turn() else { return };
    let driver = Driver::build().unwrap();
    let configuration = "[modules.cuda]\nmax_allocations = 64\n";
    let options = geophone(&["cuda"]).configuration(configuration);
    let daemon = options.start().unwrap();
    let mut client = daemon.client().unwrap();
    let mut application = known(&driver, &mut client);
    let made = allocate("cuMemAlloc_v2", 100, 4096);
    assert_eq!(application.call(&made).unwrap(), 0);
    let page = client.metrics().unwrap();
    assert_eq!(outstanding(&page)[0], 64 * 4096);
    assert_eq!(allocated(&page)[0], 100 * 4096);
    assert_eq!(
        lost(&mut client).map(f64::to_bits),
        [36.0, 0.0, 0.0].map(f64::to_bits)
    );
    // The last ones are those that are not known.
    assert_eq!(application.call(&free("cuMemFree_v2", 100)).unwrap(), 0);
    assert_eq!(outstanding(&client.metrics().unwrap()), [0; 6]);
    assert_eq!(
        lost(&mut client).map(f64::to_bits),
        [36.0, 0.0, 36.0].map(f64::to_bits)
    );
}
