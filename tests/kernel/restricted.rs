//! Machines and containers that give less: what is lost, and that the log says why.

use std::ffi::OsString;

use geophone_test_support::daemon::Options;

use crate::{BINARY, turn};

/// A daemon that has a mount namespace of its own, in which `script` was run.
fn behind(script: &str) -> Options {
    let script = format!("set -e; {script}; exec \"$@\"");
    let launcher = ["unshare", "--mount", "--propagation", "private"];
    let launcher = launcher.into_iter().chain(["sh", "-c", &script, "sh"]);
    Options::new(BINARY).launched_by(launcher.map(OsString::from))
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
