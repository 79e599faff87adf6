//! The loads do to the kernel's counters what the tests that use them assume.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::time::Duration;

use geophone_test_support::load::disk::write_and_read;
use geophone_test_support::load::schedule::Competition;
use geophone_test_support::load::tcp::{Sink, be_refused, reset, send};
use geophone_test_support::loop_device::LoopDevice;
use geophone_test_support::network::Pair;
use geophone_test_support::oracle::disk::Disk;
use geophone_test_support::oracle::schedule::Schedule;
use geophone_test_support::oracle::tcp::Tcp;
use geophone_test_support::privileges;

#[test]
fn competing_threads_wait_for_cpus() {
    let processors = std::thread::available_parallelism().unwrap().get();
    let load = Competition::new(2 * processors, 1).unwrap();
    load.run(Duration::from_millis(20));
    let before = Schedule::read().unwrap();
    load.run(Duration::from_millis(500));
    let gain = Schedule::read().unwrap().since(&before);
    // At least half of the spinners wait at any time.
    assert!(gain.wait > 400_000_000, "{gain:?}");
    assert!(
        gain.voluntary > 100 && gain.runs > 100 && gain.migrations > 0,
        "{gain:?}"
    );
}

#[test]
fn a_loop_device_counts_every_direct_request_and_can_go_and_return() {
    if !privileges::present() {
        return;
    }
    let mut device = LoopDevice::new(8 << 20).unwrap();
    let name = device.name();
    let before = Disk::read(&name).unwrap();
    write_and_read(&device.path(), 100, 16 << 10, 3).unwrap();
    let after = Disk::read(&name).unwrap();
    assert_eq!(after.write.requests - before.write.requests, 100);
    assert_eq!(after.read.bytes - before.read.bytes, 100 * (16 << 10));

    device.disappear().unwrap();
    assert!(!Path::new("/sys/block").join(&name).exists());
    device.come_back().unwrap();
    assert!(Path::new("/sys/block").join(&name).exists());
    drop(device);
    assert!(!Path::new("/sys/block").join(&name).exists());
}

#[test]
fn connections_and_losses_between_namespaces_are_counted_there() {
    if !privileges::present() {
        return;
    }
    let pair = Pair::new().unwrap();
    let read = || Tcp::read(&[&pair.near, &pair.far]).unwrap();
    let before = read();
    let sink = pair
        .far
        .within(|| Sink::start(Pair::FAR.into(), 3))
        .unwrap();
    let work = || {
        send(sink.address(), 100)?;
        send(sink.address(), 100)?;
        reset(sink.address())?;
        be_refused(Pair::NEAR.into())
    };
    pair.near.within(work).unwrap();
    sink.finish().unwrap();
    let after = read();
    assert!(after.since(&before, "Tcp.ActiveOpens") >= 4.0);
    assert!(after.since(&before, "Tcp.PassiveOpens") >= 3.0);
    assert!(after.since(&before, "Tcp.OutRsts") >= 2.0);

    // A packet may carry 64 KiB: enough of them that one is lost for certain.
    pair.far.lose(5).unwrap();
    let sink = pair
        .far
        .within(|| Sink::start(Pair::FAR.into(), 1))
        .unwrap();
    pair.near.within(|| send(sink.address(), 16 << 20)).unwrap();
    sink.finish().unwrap();
    assert!(read().since(&after, "Tcp.RetransSegs") > 0.0);
}
