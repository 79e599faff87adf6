//! What NVIDIA's driver is told to report and is asked for, against the numbers of both.

use std::time::Duration;

use anyhow::{Result, ensure};

use crate::client::Client;
use crate::exposition::Exposition;
use crate::nvidia_test::{Node, NvidiaTest, Variant};
use crate::wait;

const XID: &str = "geophone_nvidia_xid_errors_total";
const IOCTLS: &str = "geophone_nvidia_ioctls_total";
const OPENS: &str = "geophone_nvidia_opens_total";
const UVM_IOCTLS: &str = "geophone_nvidia_uvm_ioctls_total";
const FAULTS: &str = "geophone_nvidia_uvm_faults_total";
const MIGRATED: &str = "geophone_nvidia_uvm_migrated_bytes_total";
const UNREADABLE: &str = "geophone_nvidia_uvm_unreadable_events_total";
const BATCHES: &str = "geophone_nvidia_uvm_fault_batches_total";

/// How long the daemon may take to see that the drivers are there.
const LIMIT: Duration = Duration::from_secs(40);

/// Commands of the driver with the label that they have.
const COMMANDS: [(u32, &str); 10] = [
    (0xc020_462a, "control"),
    (0xc030_462b, "allocate"),
    (0xc010_4629, "free"),
    (0xc038_464e, "map"),
    (0xc020_464f, "unmap"),
    (0xc01c_4634, "share"),
    (0xc010_46ce, "event"),
    (0xc048_46d2, "device"),
    (0xc010_46d3, "transfer"),
    // Of no driver of theirs.
    (0x5401, "other"),
];

/// The same of the driver of unified memory.
const UVM_COMMANDS: [(u32, &str); 6] = [
    (0x3000_0001, "initialize"),
    (37, "register"),
    (33, "map"),
    (34, "free"),
    (51, "migrate"),
    (99, "other"),
];

const BLOCK: u64 = 2 << 20;

/// With drivers that have just been loaded.
pub fn counts(client: &mut Client, driver: &NvidiaTest, variant: Variant) -> Result<String> {
    let (xid, ioctl) = hooks(variant);
    until_followed(client, (xid, ioctl))?;
    load(driver)?;
    let page = client.metrics()?;
    let mut expected = vec![
        (
            XID,
            vec![("pci_bus_id", NvidiaTest::SLOT), ("xid", "31")],
            Some(3.0),
        ),
        (
            XID,
            vec![("pci_bus_id", NvidiaTest::SLOT), ("xid", "79")],
            Some(1.0),
        ),
        (XID, vec![], Some(4.0)),
        (BATCHES, vec![], Some(3.0)),
    ];
    for (count, (_, command)) in (1..).zip(COMMANDS) {
        let labels = vec![("device", "gpu"), ("command", command)];
        expected.push((IOCTLS, labels, Some(f64::from(count))));
    }
    let control = vec![("device", "control")];
    expected.push((IOCTLS, control, Some(7.0)));
    let count = COMMANDS.len() as f64;
    expected.push((IOCTLS, vec![], Some(count * (count + 1.0) / 2.0 + 7.0)));
    for (count, (_, command)) in (1..).zip(UVM_COMMANDS) {
        expected.push((
            UVM_IOCTLS,
            vec![("command", command)],
            Some(f64::from(count)),
        ));
    }
    for (metric, label, value, count) in [
        (FAULTS, "processor", "cpu", 2.0),
        (FAULTS, "processor", "gpu", 3.0),
        (
            MIGRATED,
            "direction",
            "host_to_device",
            (BLOCK + 4096) as f64,
        ),
        (MIGRATED, "direction", "device_to_host", 65536.0),
        (MIGRATED, "direction", "device_to_device", 8192.0),
        (MIGRATED, "direction", "host_to_host", 12288.0),
    ] {
        expected.push((metric, vec![(label, value)], known(variant, count)));
    }
    expected.push((UNREADABLE, vec![], known(variant, 4.0)));
    // Nobody knows what its function is called.
    let opens = (variant != Variant::Log).then_some(COMMANDS.len() as f64 + 1.0);
    expected.push((OPENS, vec![], opens));
    let total = expected.len();
    for (metric, labels, count) in expected {
        let found = page.sum(metric, &labels);
        ensure!(
            found == count,
            "{metric}{labels:?} is {found:?}, not {count:?}"
        );
    }
    Ok(format!("{variant:?}: {xid}, {ioctl}, {total} counts equal"))
}

/// Waits until both modules are where they have to be, and lack nothing: what of a driver is
/// not known is no fault.
fn until_followed(client: &mut Client, (xid, ioctl): (&str, &str)) -> Result<()> {
    let attached = |page: &Exposition, module: &str, program: &str, hook: &str| {
        let labels = [("module", module), ("program", program), ("hook", hook)];
        page.sum("geophone_program_attached", &labels) == Some(1.0)
    };
    let uvm = "kprobe/uvm_unlocked_ioctl_entry";
    wait::until("the drivers to be followed", LIMIT, || {
        let page = client.metrics()?;
        let is_there = attached(&page, "nvidia", "nvidia_xid", xid)
            && attached(&page, "nvidia", "nvidia_ioctl", ioctl)
            && attached(&page, "nvidia_uvm", "nvidia_uvm_ioctl", uvm);
        Ok(is_there.then_some(()))
    })?;

    let page = client.metrics()?;
    for module in ["nvidia", "nvidia_uvm"] {
        let active = [("module", module), ("state", "active")];
        let state = page.sum("geophone_module_state", &active);
        ensure!(state == Some(1.0), "{module} is not active");
    }
    Ok(())
}

/// What the expected counts are of.
fn load(driver: &NvidiaTest) -> Result<()> {
    for code in [31, 31, 31, 79] {
        driver.xid(NvidiaTest::SLOT, code, "of the test")?;
    }
    for (count, (command, _)) in (1..).zip(COMMANDS) {
        driver.open(Node::Gpu)?.requests(command, count)?;
    }
    driver.open(Node::Control)?.requests(0xc020_462a, 7)?;
    driver.open(Node::Modeset)?.requests(0xc020_462a, 5)?;
    for (count, (command, _)) in (1..).zip(UVM_COMMANDS) {
        driver.open(Node::Uvm)?.requests(command, count)?;
    }
    for processor in [0, 0, 1, 2, 1] {
        driver.fault(processor)?;
    }
    for (to, from, bytes) in [
        (1, 0, BLOCK),
        (2, 0, 4096),
        (0, 1, 65536),
        (2, 1, 8192),
        (0, 0, 12288),
        // Not possible.
        (1, 0, 2 * BLOCK),
        (1, 0, 1),
        (1, 0, 0),
        (u32::MAX, 0, 4096),
    ] {
        driver.migrate(to, from, bytes)?;
    }
    for _ in 0..3 {
        driver.service()?;
    }
    Ok(())
}

/// Events of drivers whose data are not known have no series.
fn known(variant: Variant, count: f64) -> Option<f64> {
    (variant == Variant::Full).then_some(count)
}

/// Where the programs are of which each driver has another function.
fn hooks(variant: Variant) -> (&'static str, &'static str) {
    match variant {
        Variant::Full => (
            "tracepoint/nvidia/nvidia_dev_xid",
            "kprobe/nvidia_unlocked_ioctl",
        ),
        Variant::Kprobe => (
            "kprobe/nv_report_error",
            "kprobe/nvidia_frontend_unlocked_ioctl",
        ),
        Variant::Log => ("raw_tp/console", "fentry/security_file_ioctl"),
    }
}
