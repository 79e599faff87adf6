//! The loads do to the kernel's counters what the tests that use them assume.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;
use std::time::Duration;

use geophone_test_support::control_group::Group;
use geophone_test_support::cpus::online;
use geophone_test_support::load::busy::Busy;
use geophone_test_support::load::disk::write_and_read;
use geophone_test_support::load::forks::storm;
use geophone_test_support::load::ring::Ring;
use geophone_test_support::load::schedule::Competition;
use geophone_test_support::load::tcp::{Sink, be_refused, reset, send};
use geophone_test_support::loop_device::LoopDevice;
use geophone_test_support::mount::FileSystem;
use geophone_test_support::network::Pair;
use geophone_test_support::oracle::disk::Disk;
use geophone_test_support::oracle::schedule::{Task, runnable};
use geophone_test_support::oracle::tcp::Tcp;
use geophone_test_support::privileges;

#[test]
fn competing_threads_wait_for_cpus() {
    let processors = std::thread::available_parallelism().unwrap().get();
    let load = Competition::new(2 * processors, 1).unwrap();
    load.run(Duration::from_millis(20));
    let before = Task::sum_of(load.tasks()).unwrap();
    load.run(Duration::from_millis(500));
    let after = Task::sum_of(load.tasks()).unwrap();
    // At least half of the spinners wait at any time.
    let waited = after.delay.nanoseconds - before.delay.nanoseconds;
    assert!(waited > 400_000_000, "{before:?}, {after:?}");
    assert!(
        after.voluntary - before.voluntary > 100
            && after.delay.runs - before.delay.runs > 100
            && after.migrations > before.migrations,
        "{before:?}, {after:?}"
    );
}

#[test]
fn a_load_in_a_group_is_all_there_is_in_it() {
    if !privileges::present() {
        return;
    }
    let mount = FileSystem::of_kind("cgroup2").unwrap();
    let group = Group::new().unwrap();
    let directory = mount.path().join(group.label().trim_start_matches('/'));
    let load = Competition::within(group, 1, 1).unwrap();
    let text = fs::read_to_string(directory.join("cgroup.threads")).unwrap();
    let mut threads: Vec<u32> = text.lines().map(|line| line.parse().unwrap()).collect();
    let mut tasks = load.tasks().to_vec();
    threads.sort_unstable();
    tasks.sort_unstable();
    assert_eq!(threads, tasks);
    drop(load);
    assert!(!directory.exists());
}

#[test]
fn threads_that_yield_switch_all_the_time() {
    let mut load = Competition::new(0, 0).unwrap();
    load.bustle(2 * online().unwrap().len()).unwrap();
    let before = Task::sum_of(load.tasks()).unwrap();
    load.run(Duration::from_millis(300));
    let after = Task::sum_of(load.tasks()).unwrap();
    let switches = |task: Task| task.voluntary + task.involuntary;
    // By the time they got: a thread that spins beside them takes the CPUs they give away. It
    // is itself switched away from once a tick, which is 1000 times a second at most.
    let ran = Duration::from_nanos(after.runtime - before.runtime);
    let rate = (switches(after) - switches(before)) as f64 / ran.as_secs_f64();
    assert!(rate > 5000.0, "{before:?}, {after:?}");
}

#[test]
fn a_token_wakes_a_thread_of_each_group_in_turn() {
    if !privileges::present() {
        return;
    }
    let mut ring = Ring::new(Group::several(5).unwrap()).unwrap();
    let runs = |ring: &Ring| {
        let each = ring.tasks().iter();
        let each = each.map(|task| Task::sum_of(&[*task]).unwrap().delay.runs);
        each.collect::<Vec<u64>>()
    };
    let before = runs(&ring);
    ring.start(1).unwrap();
    std::thread::sleep(Duration::from_millis(300));
    let passed = ring.stop(1).unwrap();
    assert!(passed > 100, "{passed}");
    // A token may be there before its thread sleeps, when a CPU was taken away.
    for (before, after) in before.iter().zip(&runs(&ring)) {
        assert!(after - before >= passed / 10, "{before} to {after}");
    }
    // Nothing goes round.
    assert_eq!(ring.stop(0).unwrap(), 0);
}

#[test]
fn a_storm_forks_as_often_as_it_was_told() {
    let before = forks();
    storm(2, 100).unwrap();
    // Others fork, too; the shells themselves do.
    assert!(forks() - before >= 202);
}

/// Processes and threads that were ever made.
fn forks() -> u64 {
    let text = fs::read_to_string("/proc/stat").unwrap();
    let mut lines = text.lines();
    let number = lines.find_map(|line| line.strip_prefix("processes "));
    number.unwrap().parse().unwrap()
}

#[test]
fn while_busy_no_cpu_is_idle() {
    for busy in [Busy::start, Busy::yielding] {
        let _busy = busy().unwrap();
        let before = idle();
        let load = Competition::new(1, 1).unwrap();
        load.run(Duration::from_millis(300));
        assert_eq!(idle(), before);
        // This thread is runnable, too.
        assert!(runnable().unwrap() > online().unwrap().len() as u64);
    }
}

/// Time that all CPUs were idle, in ticks (the fourth and fifth number in `/proc/stat`).
fn idle() -> u64 {
    let text = fs::read_to_string("/proc/stat").unwrap();
    let all = text.lines().next().unwrap();
    let times = all.split_whitespace().skip(4).take(2);
    times.map(|time| time.parse::<u64>().unwrap()).sum()
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
