//! Machines and containers that give less: what is lost, and that the log says why.

use std::fs;
use std::time::Duration;

use geophone_test_support::daemon::Options;
use geophone_test_support::process::{Ended, run_to_end, unconfigured};

use crate::{BINARY, isolation, turn};

const MODULES: [&str; 4] = ["runqueue", "block_io", "tcp", "dma_fence"];
const LIMIT: Duration = Duration::from_secs(20);

/// A daemon that has a mount namespace of its own, in which `script` was run.
fn behind(script: &str) -> Options {
    Options::new(BINARY).launched_by(isolation::behind(script))
}

/// Which of the modules that measure the kernel are in which state, and that the log has this
/// reason. Those that do not measure have no series.
fn assert_states(options: Options, expected: [(&str, &str); 4], reason: &str) {
    let daemon = options.start().unwrap();
    let page = daemon.client().unwrap().metrics().unwrap();
    let states = page.module_states();
    for (module, expected) in expected {
        assert_eq!(states[module], expected, "{module}:\n{}", daemon.log());
        let totals = match module {
            "runqueue" => "geophone_runqueue_context_switches_total",
            "block_io" => "geophone_block_io_untimed_total",
            "tcp" => "geophone_tcp_connections_opened_total",
            _ => continue,
        };
        let has_series = page.select(totals, &[]).next().is_some();
        assert_eq!(has_series, expected == "active", "{totals}");
    }
    assert!(daemon.log().contains(reason), "{}", daemon.log());
}

#[test]
fn without_type_information_nothing_is_measured_and_everything_said() {
    let Some(_turn) = turn() else { return };
    assert_states(
        behind("mount -t tmpfs none /sys/kernel/btf"),
        [
            ("runqueue", "unsupported"),
            ("block_io", "unsupported"),
            ("tcp", "unsupported"),
            ("dma_fence", "unsupported"),
        ],
        "or name a BTF file for this kernel with --btf",
    );
}

/// As in a container.
#[test]
fn a_sysfs_that_cannot_be_written_to_is_enough() {
    let Some(_turn) = turn() else { return };
    assert_states(
        behind("mount --bind /sys /sys; mount -o remount,bind,ro /sys"),
        [
            ("runqueue", "active"),
            ("block_io", "active"),
            ("tcp", "active"),
            ("dma_fence", "active"),
        ],
        "serving",
    );
}

/// Root mounts one for a moment; nobody else may.
#[test]
fn without_tracefs_an_ordinary_user_lacks_what_classic_tracepoints_tell() {
    let Some(_turn) = turn() else { return };
    let unmount = "awk '$3 == \"tracefs\" || $3 == \"debugfs\" {print $2}' /proc/mounts \
        | tac | xargs --no-run-if-empty umount";
    assert_states(
        behind(unmount).as_ordinary_user(),
        [
            ("runqueue", "active"),
            ("block_io", "active"),
            ("tcp", "active"),
            ("dma_fence", "degraded"),
        ],
        "mount -t tracefs tracefs /sys/kernel/tracing",
    );
}

/// With a file of type information that is elsewhere, too: the possible CPUs are told there alone.
#[test]
fn with_sysfs_hidden_nothing_is_measured_and_everything_said() {
    let Some(_turn) = turn() else { return };
    let hidden = "mount -t tmpfs none /sys";
    let unsupported = MODULES.map(|module| (module, "unsupported"));
    assert_states(
        behind(hidden),
        unsupported,
        "name a BTF file for this kernel with --btf",
    );

    let directory = tempfile::tempdir().unwrap();
    let copy = directory.path().join("btf");
    fs::copy("/sys/kernel/btf/vmlinux", &copy).unwrap();
    let section = format!("btf = '{}'\n", copy.display());
    let failed = MODULES.map(|module| (module, "failed"));
    let reason = "cannot tell the possible CPUs: ";
    assert_states(behind(hidden).configuration(&section), failed, reason);

    let mut command = unconfigured("unshare");
    let script = format!("{hidden}; exec \"$0\" doctor --btf \"$1\"");
    command
        .args(["--mount", "sh", "-c", &script, BINARY])
        .arg(&copy);
    let Ended { status, said } = run_to_end(&mut command, LIMIT).unwrap();
    assert_eq!(status.code(), Some(1), "{said}");
    for module in MODULES {
        assert!(said.contains(&format!("  failed       {module}")), "{said}");
    }
    let reasons = said.matches("; mount sysfs at /sys").count();
    assert!(reasons >= MODULES.len(), "{said}");
    // Those that measure drivers say what they miss.
    assert!(
        said.contains("cannot tell which drivers are loaded"),
        "{said}"
    );
}
