//! Names that cannot be found: of devices and control groups, without which everything is in
//! `other`.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use geophone_test_support::bracket::{Comparison, Reading, UNSEEN};
use geophone_test_support::client::Client;
use geophone_test_support::control_group::Group;
use geophone_test_support::daemon::Daemon;
use geophone_test_support::exposition::Exposition;
use geophone_test_support::load::disk::write_and_read;
use geophone_test_support::loop_device::LoopDevice;
use geophone_test_support::oracle::disk::Disk;
use geophone_test_support::process::Ended;
use geophone_test_support::scenario::block_io::until_exported;
use geophone_test_support::silent::Silent;

use super::{
    PATIENCE, assert_ends, assert_goes_on, assert_states, assert_told, behind, doctor, until,
};
use crate::{geophone, turn};

const MODULES: [&str; 3] = ["block_io", "runqueue", "tcp"];
const COUNT: &str = "geophone_block_io_duration_seconds_count";
const GROUPS: &str = "geophone_runqueue_cgroup_wait_seconds_count";

const PER_CGROUP: &str = "[modules.runqueue]\nper_cgroup = true\n";

/// Mounts what is at a path elsewhere, without asking it for anything.
fn over(source: &Path, target: &str) -> Vec<OsString> {
    let source = source.display();
    behind(&format!("mount -c -n -i --bind {source} {target}"))
}

fn start(launcher: &[OsString], section: &str) -> Daemon {
    let options = geophone(&MODULES).configuration(section);
    let options = options.launched_by(launcher.iter().cloned());
    options.start().unwrap()
}

fn errors(page: &Exposition, module: &str, label: &str) -> f64 {
    let labels = [("module", module), ("label", label)];
    page.sum("geophone_discovery_errors_total", &labels)
        .unwrap()
}

/// That requests to a device without series are in `other`, and nowhere else.
fn assert_in_other(client: &mut Client) {
    let device = LoopDevice::new(8 << 20).unwrap();
    let name = device.name();
    let read = || Disk::read(&name);
    let from = Reading::take(client, read).unwrap();
    write_and_read(&device.path(), 200, 16 << 10, 1).unwrap();
    let to = Reading::take(client, read).unwrap();
    let requests = |disk: &Disk| (disk.read.requests + disk.write.requests) as f64;
    let other = Comparison::between(
        "requests in other",
        "block_io",
        (&from, &to),
        |page| page.sum(COUNT, &[("device", "other")]),
        |earlier, later| requests(later) - requests(earlier),
    );
    let other = other.unwrap();
    println!("{other}");
    // The machine's own disks are in it too.
    other.at_least(UNSEEN * other.kernel.0).unwrap();
    assert_eq!(to.page.sum(COUNT, &[("device", &name)]), None);
}

/// That `geophone doctor` names a module and its reason, and finds nothing wrong with others.
fn assert_diagnosed(launcher: &[OsString], module: &str, reason: &str) {
    let begin = Instant::now();
    let Ended { status, said } = doctor(launcher, None, &MODULES);
    assert!(begin.elapsed() < PATIENCE / 2, "{:?}", begin.elapsed());
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains(reason), "no {reason} in: {said}");
    for each in MODULES {
        let state = if each == module { "degraded" } else { "active" };
        assert!(
            said.contains(&format!("  {state:<12} {each:<18} ")),
            "{said}"
        );
    }
}

/// Names of devices are lost for this reason, which is told, and nothing else is.
fn assert_names_alone_are_lost(daemon: &Daemon, launcher: &[OsString], reason: &str) {
    let page = until(daemon, "an error", |page| {
        errors(page, "block_io", "device") > 0.5
    });
    let expected = [
        ("block_io", "degraded"),
        ("runqueue", "active"),
        ("tcp", "active"),
    ];
    assert_states(daemon, &page, &expected);
    let mut client = daemon.client().unwrap();
    assert_goes_on(&mut client);
    assert_in_other(&mut client);
    assert_told(&mut client, reason);
    assert_diagnosed(launcher, "block_io", reason);
}

#[test]
fn a_hung_look_for_devices_costs_their_names() {
    let Some(_turn) = turn() else { return };
    let silent = Silent::mount().unwrap();
    let launcher = over(silent.path(), "/sys/dev/block");
    let reason = "device: /proc/partitions or /sys/dev/block does not answer";
    let daemon = start(&launcher, "");
    assert_names_alone_are_lost(&daemon, &launcher, reason);

    // It is mended: its server is gone, and the mount with it.
    drop(silent);
    let namespace = format!("--mount=/proc/{}/ns/mnt", daemon.id());
    let mut unmount = Command::new("nsenter");
    unmount.args([&namespace, "umount", "--lazy", "/sys/dev/block"]);
    assert!(unmount.status().unwrap().success());
    let device = LoopDevice::new(8 << 20).unwrap();
    let mut client = daemon.client().unwrap();
    until_exported(&mut client, &device.name()).unwrap();
    let states = [("block_io", "active")];
    until(&daemon, "the module's state", |page| {
        page.module_states()["block_io"] == "active"
    });
    assert_states(&daemon, &client.metrics().unwrap(), &states);
}

#[test]
fn control_groups_that_do_not_answer_cost_their_names() {
    let Some(_turn) = turn() else { return };
    let silent = Silent::mount().unwrap();
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
    let mut mounts = mounts.lines().map(|line| line.split(' '));
    let group =
        mounts.find_map(|mut it| Some((it.nth(1)?, it.next()?)).filter(|it| it.1 == "cgroup2"));
    let Some((group, _)) = group else { return };
    let launcher = over(silent.path(), group);
    let daemon = start(&launcher, PER_CGROUP);
    let page = until(&daemon, "an error", |page| {
        errors(page, "runqueue", "cgroup") > 0.5
    });
    let expected = [
        ("block_io", "active"),
        ("runqueue", "degraded"),
        ("tcp", "active"),
    ];
    assert_states(&daemon, &page, &expected);
    let mut client = daemon.client().unwrap();
    assert_goes_on(&mut client);
    assert_told(&mut client, "cgroup: the mount of cgroup2 does not answer");
    // What is not told apart is counted.
    let all = page
        .sum("geophone_runqueue_wait_seconds_count", &[])
        .unwrap();
    let other = page.sum(GROUPS, &[("cgroup", "other")]).unwrap();
    assert!(all > 0.0 && other > 0.0, "{all}, {other}");
    assert_eq!(page.select(GROUPS, &[]).count(), 1);
    let device = LoopDevice::new(8 << 20).unwrap();
    until_exported(&mut client, &device.name()).unwrap();
    assert_ends(daemon);
}

#[test]
fn devices_that_cannot_be_told_are_in_other_and_said_to_be() {
    let Some(_turn) = turn() else { return };
    let launcher = behind("mount -t tmpfs none /sys/dev");
    let reason = "device: cannot read /sys/dev/block: No such file or directory (os error 2); \
                  mount sysfs at /sys";
    let daemon = start(&launcher, "");
    assert_names_alone_are_lost(&daemon, &launcher, reason);
}

/// Names that become alike share one place: who has it keeps it, and the other is counted.
#[test]
fn names_that_are_no_text_cost_no_other() {
    let Some(_turn) = turn() else { return };
    let [one, two] = [b"geophone-test-\xfe", b"geophone-test-\xff"]
        .map(|name| Group::named(OsStr::from_bytes(name)).unwrap());
    assert_eq!(one.label(), two.label());
    assert!(one.label().ends_with("geophone-test-\u{fffd}"));
    let plain = Group::new().unwrap();
    let daemon = start(&[], PER_CGROUP);
    let page = daemon.client().unwrap().metrics().unwrap();
    for group in [&one, &plain] {
        let labels = [("cgroup", group.label())];
        assert_eq!(page.select(GROUPS, &labels).count(), 1, "{}", group.label());
    }
    let metric = [("metric", GROUPS.trim_end_matches("_count"))];
    assert_eq!(page.sum("geophone_series_folded_total", &metric), Some(1.0));
    let expected = [
        ("block_io", "active"),
        ("runqueue", "active"),
        ("tcp", "active"),
    ];
    assert_states(&daemon, &page, &expected);
}
