use std::collections::BTreeSet;
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::time::Duration;

use caps::{CapSet, CapsHashSet};
use geophone_test_support::daemon::{Daemon, Options};
use geophone_test_support::kernel_objects::KernelObjects;
use geophone_test_support::maps;
use geophone_test_support::memory_group::MemoryGroup;
use geophone_test_support::scenario::tcp;
use geophone_test_support::{privileges, wait};
use rustix::process::Signal;

use crate::{BINARY, turn};

/// More than a daemon has.
const ROOM: u64 = 256 << 20;

/// What a daemon has in the kernel that has every module.
fn held(daemon: &Daemon) -> KernelObjects {
    let held = KernelObjects::of_process(daemon.id()).unwrap();
    for ids in [&held.programs, &held.maps, &held.links] {
        assert!(!ids.is_empty(), "{held:?}:\n{}", daemon.log());
    }
    assert!(held.is_subset(&KernelObjects::loaded()));
    held
}

/// Ends a daemon by `signal`; gives the time that took.
fn end_by(signal: Signal) -> (bool, Duration) {
    let mut daemon = Options::new(BINARY).start().unwrap();
    let held = held(&daemon);
    let (status, time) = daemon.stop(signal).unwrap();
    held.freed().unwrap();
    (status.success(), time)
}

#[test]
fn an_interrupt_or_a_termination_ends_it_within_a_second_and_leaves_nothing_behind() {
    let Some(_turn) = turn() else { return };
    for signal in [Signal::INT, Signal::TERM] {
        let (success, time) = end_by(signal);
        assert!(success, "{signal:?}");
        assert!(time < Duration::from_secs(1), "{signal:?}: {time:?}");
    }
}

/// What is built for users ends by SIGABRT where it panics, and not one thread of it: what the
/// next test says of that signal holds for a panic.
#[test]
fn a_panic_is_an_abort_in_what_is_released() {
    let manifest: toml::Table = include_str!("../../Cargo.toml").parse().unwrap();
    let profiles = manifest["profile"].as_table().unwrap();
    assert_eq!(profiles["release"]["panic"].as_str(), Some("abort"));
    // No second profile, which would say nothing of it.
    assert_eq!(profiles.len(), 1, "{profiles:?}");
}

/// A panic is the second of them.
#[test]
fn a_kill_or_a_panic_leaves_nothing_behind() {
    let Some(_turn) = turn() else { return };
    for signal in [Signal::KILL, Signal::ABORT] {
        end_by(signal);
    }
}

#[test]
fn the_end_for_lack_of_memory_leaves_nothing_behind() {
    let Some(_turn) = turn() else { return };
    // Outlives the daemon, whatever happens.
    let Some(group) = MemoryGroup::with_room_for(ROOM).unwrap() else {
        return;
    };
    let mut daemon = Options::new(BINARY).start().unwrap();
    let held = held(&daemon);
    group.take(daemon.id()).unwrap();
    // The kernel shall choose it.
    fs::write(format!("/proc/{}/oom_score_adj", daemon.id()), "1000").unwrap();
    group.exhaust().unwrap();
    let status = daemon.ended().unwrap();
    assert_eq!(status.signal(), Some(Signal::KILL.as_raw()), "{status}");
    held.freed().unwrap();
}

#[test]
fn two_run_side_by_side_and_one_ends() {
    let Some(_turn) = turn() else { return };
    let windows = "[statistics]\nwindow = \"500ms\"\nperiod = \"1s\"\n";
    let start = || Options::new(BINARY).configuration(windows).start().unwrap();
    let (mut first, second) = (start(), start());
    let (ours, others) = (held(&first), held(&second));
    assert_eq!(ours.without(&others), ours, "what is shared ends with one");
    let each = |daemon: &Daemon| {
        for comparison in tcp::connections(&mut daemon.client().unwrap(), 100).unwrap() {
            println!("{comparison}");
            comparison.equal(1.0).unwrap();
        }
    };
    // The kernel measures while anybody asks it to.
    let measures = |daemon: &Daemon| {
        let mut client = daemon.client().unwrap();
        let mut runs = || {
            let page = client.metrics().unwrap();
            page.sum("geophone_program_sampled_runs_total", &[])
        };
        let before = runs().unwrap_or(0.0);
        wait::until("runs in one more window", Duration::from_secs(20), || {
            Ok(runs().filter(|runs| *runs > before))
        })
        .unwrap();
    };
    each(&first);
    each(&second);
    measures(&first);
    let (status, _) = first.stop(Signal::TERM).unwrap();
    assert!(status.success());
    ours.freed().unwrap();
    assert!(others.is_subset(&KernelObjects::loaded()));
    each(&second);
    measures(&second);
}

#[test]
fn every_built_in_module_is_active_or_says_why_not() {
    let Some(_turn) = turn() else { return };
    let daemon = Options::new(BINARY).start().unwrap();
    let page = daemon.client().unwrap().metrics().unwrap();
    for module in ["runqueue", "block_io", "tcp"] {
        let labels = [("module", module), ("state", "active")];
        assert_eq!(
            page.sum("geophone_module_state", &labels),
            Some(1.0),
            "{}",
            daemon.log()
        );
        assert!(daemon.log().contains(module), "no line about {module}");
    }
}

/// A verifier that rejects the better of two programs costs its users time at every event.
#[test]
fn nothing_that_is_built_in_is_on_a_fall_back() {
    let Some(_turn) = turn() else { return };
    let daemon = Options::new(BINARY).start().unwrap();
    let page = daemon.client().unwrap().metrics().unwrap();
    let warnings = page.sum("geophone_log_messages_total", &[("level", "warn")]);
    assert!(warnings.unwrap() < 0.5, "{}", daemon.log());
}

/// Each thread has what its work takes, and no more: as docs/security.md has it.
#[test]
fn who_need_not_attach_any_more_may_no_longer() {
    let Some(_turn) = turn() else { return };
    let everything = "[statistics]\nwindow = \"1s\"\nperiod = \"10s\"\n\
        [otlp.endpoints.default]\nendpoint = \"http://127.0.0.1:1\"\nlogs = true\n";
    let daemon = Options::new(BINARY)
        .configuration(everything)
        .start()
        .unwrap();
    let expected = [
        "geophone",
        "discovery",
        "drivers",
        "libraries",
        "library-reader",
        "push",
        "statistics",
        "sweep",
        "telemetry",
    ];
    let expected = expected.map(str::to_owned).into();
    // Threads name and confine themselves once they run.
    let threads = wait::until("every thread", Duration::from_secs(10), || {
        let threads = privileges::of_threads(daemon.id())?;
        let names: BTreeSet<String> = threads.iter().map(|it| it.name.clone()).collect();
        let confined = threads.iter().all(|thread| !thread.may_gain);
        Ok((names.is_superset(&expected) && confined).then_some(threads))
    })
    .unwrap();
    let paranoid = fs::read_to_string("/proc/sys/kernel/perf_event_paranoid").unwrap();
    // Where a kernel knows no such value it means 2.
    let events_may_take_it = paranoid.trim().parse::<i32>().unwrap() > 2;
    let tracing = [
        "/sys/kernel/tracing/events",
        "/sys/kernel/debug/tracing/events",
    ];
    let has_tracefs = tracing.iter().any(|it| Path::new(it).is_dir());
    let held = caps::read(None, CapSet::Permitted).unwrap();
    let held: BTreeSet<String> = held.iter().map(ToString::to_string).collect();
    let reads_maps = maps::usable_by_all().unwrap();
    for thread in &threads {
        let names = |set: &CapsHashSet| set.iter().map(ToString::to_string).collect();
        let (kept, used): (BTreeSet<String>, BTreeSet<String>) =
            (names(&thread.permitted), names(&thread.effective));
        let expected: &[&str] = match &*thread.name {
            "statistics" => &["CAP_SYS_ADMIN"],
            "libraries" | "library-reader" => &[
                "CAP_BPF",
                "CAP_CHECKPOINT_RESTORE",
                "CAP_DAC_READ_SEARCH",
                "CAP_PERFMON",
                "CAP_SYS_PTRACE",
            ],
            "drivers" => &[
                "CAP_BPF",
                "CAP_DAC_READ_SEARCH",
                "CAP_PERFMON",
                "CAP_SYS_RESOURCE",
            ],
            "sweep" if !reads_maps => &["CAP_BPF"],
            _ => &[],
        };
        let mut expected: BTreeSet<String> = expected.iter().map(ToString::to_string).collect();
        let is_loader = thread.name == "drivers";
        if is_loader && !has_tracefs {
            expected.insert("CAP_SYS_ADMIN".to_owned());
        }
        let attaches = ["libraries", "library-reader", "drivers"].contains(&&*thread.name);
        if attaches && events_may_take_it && kept.contains("CAP_SYS_ADMIN") {
            expected.insert("CAP_SYS_ADMIN".to_owned());
        }
        let expected = &expected & &held;
        assert_eq!(kept, expected, "{}", thread.name);
        assert_eq!(used, kept, "{}", thread.name);
        let empty = CapsHashSet::new();
        assert!(
            thread.passed_on.iter().all(|set| *set == empty),
            "{thread:?}"
        );
    }
    // What they have they use: the sweeps go on, and tell what the programs cost.
    let mut client = daemon.client().unwrap();
    wait::until("run-time statistics", Duration::from_secs(20), || {
        let page = client.metrics()?;
        let runs = page.sum("geophone_program_sampled_run_seconds_total", &[]);
        Ok(runs.filter(|seconds| *seconds > 0.0))
    })
    .unwrap();
}
