//! Errors that NVIDIA's driver writes to the kernel's log, without the driver: anyone with
//! the right to may write there. In a PCI domain that no machine has: whoever watches the log
//! shall not take it for a GPU's.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::Path;

use geophone_test_support::daemon::Daemon;
use geophone_test_support::exposition::Exposition;

use crate::{geophone, turn};

const ERRORS: &str = "log_xid_errors_total";

/// Entries of the table, `other` included.
const ROOM: usize = 256;

/// The module, without the driver that it is for, and with the log alone to tell of errors.
fn start(directory: &Path) -> Daemon {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("ebpf");
    let manifest = fs::read_to_string(root.join("modules/nvidia.toml")).unwrap();
    let manifest = manifest
        .replace("name = \"nvidia\"", "name = \"log\"")
        .replace("geophone_nvidia_", "log_")
        .replace("geophone.nvidia.", "log.");
    let lines = manifest.lines();
    let is_better = |line: &&str| line.contains("n = \"xid\"") || line.contains("\"xid_reported\"");
    let lines = lines.filter(|line| !line.starts_with("drivers = ") && !is_better(line));
    let manifest: Vec<&str> = lines.collect();
    fs::write(directory.join("log.toml"), manifest.join("\n")).unwrap();
    fs::copy(
        root.join(format!("prebuilt/{}/nvidia.o", std::env::consts::ARCH)),
        directory.join("log.o"),
    )
    .unwrap();
    let key = format!("module_dirs = ['{}']\n", directory.display());
    geophone(&["log"]).configuration(&key).start().unwrap()
}

/// Of one opening of the file the kernel takes ten lines in five seconds.
fn write(line: &str) {
    let mut log = OpenOptions::new().write(true).open("/dev/kmsg").unwrap();
    log.write_all(line.as_bytes()).unwrap();
}

fn errors(page: &Exposition, device: &str, xid: &str) -> Option<f64> {
    page.sum(ERRORS, &[("pci_bus_id", device), ("xid", xid)])
}

#[test]
fn errors_are_counted_by_device_and_number_from_the_first_on() {
    let Some(_turn) = turn() else { return };
    let directory = tempfile::tempdir().unwrap();
    let daemon = start(directory.path());
    let mut client = daemon.client().unwrap();
    let page = client.metrics().unwrap();
    assert_eq!(errors(&page, "other", "other"), Some(0.0));
    assert_eq!(page.sum(ERRORS, &[]), Some(0.0));

    for _ in 0..3 {
        write("NVRM: Xid (PCI:fffe:3b:00): 31, pid=1234, name=python3, Ch 00000008");
    }
    for line in [
        "NVRM: Xid (PCI:fffe:65:00 GPU-I:05): 94, pid=77, name=app, Contained",
        "NVRM: Xid (PCI:1fffe:01:00): 79, GPU has fallen off the bus.",
        // As consoles get it, with the time.
        "[   15.123456] NVRM: Xid (PCI:fffe:3b:00): 13, Graphics Exception",
        "[123456.654321][ T1234] NVRM: Xid (PCI:fffe:3b:00): 13",
        // Nothing of the kind.
        "NVRM: Xid (PCI:",
        "NVRM: Xid (PCI:fffe:3b:00",
        "NVRM: Xid (PCI:fffe:3b:00): none",
        "NVRM: loading NVIDIA UNIX Open Kernel Module",
        "see NVRM: Xid (PCI:fffe:3b:00): 31",
    ] {
        write(line);
    }
    let page = client.metrics().unwrap();
    for (device, xid, expected) in [
        ("fffe:3b:00.0", "31", 3.0),
        ("fffe:3b:00.0", "13", 2.0),
        ("fffe:65:00.0", "94", 1.0),
        ("1fffe:01:00.0", "79", 1.0),
    ] {
        let found = errors(&page, device, xid);
        assert_eq!(found, Some(expected), "{device} {xid}: {}", daemon.log());
    }
    assert_eq!(page.sum(ERRORS, &[]), Some(7.0));
}

#[test]
fn what_has_no_room_is_counted_as_other() {
    let Some(_turn) = turn() else { return };
    let directory = tempfile::tempdir().unwrap();
    let daemon = start(directory.path());
    for xid in 0..ROOM + 44 {
        write(&format!("NVRM: Xid (PCI:fffe:3b:00): {xid}, test"));
    }
    let page = daemon.client().unwrap().metrics().unwrap();
    assert_eq!(errors(&page, "other", "other"), Some(45.0));
    assert_eq!(page.select(ERRORS, &[]).count(), ROOM);
    assert_eq!(page.sum(ERRORS, &[]), Some((ROOM + 44) as f64));
}
