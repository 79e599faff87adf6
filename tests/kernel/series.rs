//! Which things have series, how many there can be, and where the others are counted.

use std::time::Duration;

use geophone_test_support::bracket::UNSEEN;
use geophone_test_support::bracket::{Comparison, Reading};
use geophone_test_support::client::Client;
use geophone_test_support::daemon::Daemon;
use geophone_test_support::exposition::Exposition;
use geophone_test_support::load::disk::write_and_read;
use geophone_test_support::loop_device::LoopDevice;
use geophone_test_support::oracle::disk::Disk;
use geophone_test_support::scenario::block_io::{until_exported, until_gone};
use geophone_test_support::wait;

use crate::{geophone, turn};

const COUNT: &str = "geophone_block_io_duration_seconds_count";
const FOLDED: &str = "geophone_series_folded_total";
const SIZE: u64 = 8 << 20;
const BLOCKS: usize = 200;
/// Requests that are seen at least, of those for all blocks.
const SEEN: f64 = BLOCKS as f64 * (1.0 - UNSEEN);

/// The block I/O module with these keys in its section.
fn daemon(section: &str) -> Daemon {
    let section = format!("[modules.block_io]\n{section}\n");
    let options = geophone(&["block_io"]).configuration(&section);
    options.start().unwrap()
}

fn devices<const N: usize>() -> [LoopDevice; N] {
    [(); N].map(|()| LoopDevice::new(SIZE).unwrap())
}

fn load(device: &LoopDevice) {
    write_and_read(&device.path(), BLOCKS, 16 << 10, 1).unwrap();
}

fn count(page: &Exposition, device: &str) -> Option<f64> {
    page.sum(COUNT, &[("device", device)])
}

fn folded(page: &Exposition) -> f64 {
    page.sum(FOLDED, &[("metric", "geophone_block_io_errors_total")])
        .unwrap()
}

/// Waits for a sweep that has found as many things without series.
fn until_folded(client: &mut Client) {
    wait::until("something to be folded", Duration::from_secs(10), || {
        Ok((folded(&client.metrics()?) > 0.0).then_some(()))
    })
    .unwrap();
}

#[test]
fn what_does_not_fit_is_counted_in_other_and_said_to_be() {
    let Some(_turn) = turn() else { return };
    let all: [LoopDevice; 3] = devices();
    let names = all.each_ref().map(LoopDevice::name);
    // Errors have 9 series for each device: room for two devices and other.
    let include = format!("device_include = \"{}\"", names.join("|"));
    let daemon = daemon(&format!("max_series = 27\n{include}"));
    let mut client = daemon.client().unwrap();
    until_folded(&mut client);

    let read = || Disk::read(&names[2]);
    let from = Reading::take(&mut client, read).unwrap();
    all.iter().for_each(load);
    let to = Reading::take(&mut client, read).unwrap();
    for name in &names[..2] {
        let (before, after) = (count(&from.page, name), count(&to.page, name));
        let grown = after.unwrap() - before.unwrap();
        assert!(grown >= 2.0 * SEEN, "{name}: {grown}");
    }
    assert_eq!(count(&to.page, &names[2]), None);
    let requests = |disk: &Disk| (disk.read.requests + disk.write.requests) as f64;
    let other = Comparison::between(
        "requests in other",
        "block_io",
        (&from, &to),
        |page| count(page, "other"),
        |earlier, later| requests(later) - requests(earlier),
    );
    // The machine's own disks are in it too.
    let other = other.unwrap();
    println!("{other}");
    other.at_least(UNSEEN * other.kernel.0).unwrap();

    // What is left out is counted once, when it appears, and no metric passes its bound.
    assert!((folded(&to.page) - folded(&from.page)).abs() < 0.5);
    assert_eq!(to.page.select(COUNT, &[]).count(), 3 * 5);
    let errors = to.page.select("geophone_block_io_errors_total", &[]);
    assert_eq!(errors.count(), 27);
}

#[test]
fn who_has_series_keeps_them_when_others_come() {
    let Some(_turn) = turn() else { return };
    let mut all: [LoopDevice; 3] = devices();
    let names = all.each_ref().map(LoopDevice::name);
    // By name it would come first.
    all[0].disappear().unwrap();
    let include = format!("device_include = \"{}\"", names.join("|"));
    let daemon = daemon(&format!("max_series = 27\n{include}"));
    let mut client = daemon.client().unwrap();
    for name in &names[1..] {
        until_exported(&mut client, name).unwrap();
    }
    assert!(folded(&client.metrics().unwrap()) < 0.5);
    all[1..].iter().for_each(load);

    all[0].come_back().unwrap();
    until_folded(&mut client);
    let page = client.metrics().unwrap();
    assert_eq!(count(&page, &names[0]), None);
    for name in &names[1..] {
        let count = count(&page, name).unwrap();
        assert!(count >= 2.0 * SEEN, "{name}: {count}");
    }

    // The place of one that goes is free.
    all[1].disappear().unwrap();
    until_exported(&mut client, &names[0]).unwrap();
    until_gone(&mut client, &names[1]).unwrap();
    assert!((folded(&client.metrics().unwrap()) - 1.0).abs() < 0.5);
}

#[test]
fn without_room_for_a_device_all_is_in_other() {
    let Some(_turn) = turn() else { return };
    let all: [LoopDevice; 2] = devices();
    let daemon = daemon("max_series = 1");
    let mut client = daemon.client().unwrap();
    until_folded(&mut client);
    let before = client.metrics().unwrap();
    all.iter().for_each(load);
    let after = client.metrics().unwrap();
    let only: Vec<_> = after.select(COUNT, &[]).collect();
    assert_eq!(only.len(), 5);
    assert!(
        only.iter()
            .all(|sample| sample.label("device") == Some("other"))
    );
    let grown = count(&after, "other").unwrap() - count(&before, "other").unwrap();
    assert!(grown >= 4.0 * SEEN, "{grown}");
}

#[test]
fn patterns_decide_who_has_series() {
    let Some(_turn) = turn() else { return };
    let all: [LoopDevice; 2] = devices();
    let [one, two] = all.each_ref().map(LoopDevice::name);
    for (key, shown, hidden) in [("include", &one, &two), ("exclude", &two, &one)] {
        let daemon = daemon(&format!("device_{key} = \"{one}\""));
        let mut client = daemon.client().unwrap();
        until_exported(&mut client, shown).unwrap();
        let before = client.metrics().unwrap();
        assert_eq!(count(&before, hidden), None, "{key}");
        all.iter().for_each(load);
        let after = client.metrics().unwrap();
        let grown = count(&after, "other").unwrap() - count(&before, "other").unwrap();
        assert!(grown >= 2.0 * SEEN, "{key}: {grown}");
        // Left out at the user's wish, not for want of room.
        assert!(folded(&after) < 1.0, "{key}");
    }
}

#[test]
fn a_device_that_returns_begins_at_zero() {
    let Some(_turn) = turn() else { return };
    let daemon = daemon("");
    let mut client = daemon.client().unwrap();
    let [mut device] = devices();
    let name = device.name();
    until_exported(&mut client, &name).unwrap();
    load(&device);
    let before = count(&client.metrics().unwrap(), &name).unwrap();
    assert!(before >= 2.0 * SEEN);

    device.disappear().unwrap();
    until_gone(&mut client, &name).unwrap();
    device.come_back().unwrap();
    until_exported(&mut client, &name).unwrap();
    let after = count(&client.metrics().unwrap(), &name).unwrap();
    // The kernel's own counters began anew with the device.
    let disk = Disk::read(&name).unwrap();
    let kernel = (disk.read.requests + disk.write.requests) as f64;
    assert!(
        after <= kernel && kernel < before,
        "{after}, {kernel}, {before}"
    );
}

/// From 6.4 on the kernel accounts for a map with the entries it has, before with all it can
/// have, which does not change.
#[test]
fn memory_is_asked_for_again_when_entries_come() {
    let Some(_turn) = turn() else { return };
    let daemon = daemon("");
    let mut client = daemon.client().unwrap();
    let of = |page: &Exposition, what: &str| {
        let map = [("map", "BLOCK_IO")];
        page.sum(&format!("geophone_map_{what}"), &map).unwrap()
    };
    let before = client.metrics().unwrap();
    let whole = of(&before, "bytes") >= of(&before, "capacity") * 2592.0;
    let [device] = devices();
    until_exported(&mut client, &device.name()).unwrap();
    // The memory is asked for when the snapshot with the new entries is out.
    wait::until("the map's new size", Duration::from_secs(10), || {
        let page = client.metrics()?;
        let grown = |what| of(&page, what) > of(&before, what);
        Ok((grown("entries") && (whole || grown("bytes"))).then_some(()))
    })
    .unwrap();
}
