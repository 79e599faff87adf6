//! Stubs of NVIDIA's modules.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use geophone_test_support::kernel_module::is_loaded;
use geophone_test_support::nvidia_test::{Node, NvidiaTest, Variant};
use geophone_test_support::oracle::kprobe::Kprobe;
use geophone_test_support::oracle::tracepoint::Tracepoint;

use crate::vm::image::DRIVERS;

pub fn check(variant: Variant) -> Result<String> {
    let driver = NvidiaTest::load(Path::new(DRIVERS), variant)?;
    let symbols = fs::read_to_string("/proc/kallsyms").context("/proc/kallsyms")?;
    let has = |name: &str| symbols.contains(&format!(" {name}\t[nvidia]\n"));
    ensure!(has("nv_report_error") == (variant != Variant::Log));
    ensure!(has("nvidia_unlocked_ioctl") == (variant == Variant::Full));
    ensure!(has("nvidia_frontend_unlocked_ioctl") == (variant == Variant::Kprobe));
    let version = "/proc/driver/nvidia/version";
    let version = fs::read_to_string(version).context(version)?;
    ensure!(version.starts_with("NVRM version: NVIDIA"), "{version}");

    let xids = match variant {
        Variant::Full => Some(Tracepoint::count("nvidia/nvidia_dev_xid")?),
        Variant::Kprobe | Variant::Log => None,
    };
    driver.xid(NvidiaTest::SLOT, 31, "MMU Fault: of the test")?;
    if let Some(xids) = xids {
        let text = xids.text()?;
        let expected = "Xid (0000:00:01.0): 31, MMU Fault: of the test";
        ensure!(
            xids.events()? == 1 && text.contains(expected),
            "traced: {text}"
        );
    }
    calls(&driver, variant)?;
    driver.unload()?;
    ensure!(!is_loaded("nvidia"), "nvidia is still there");
    Ok(format!("{variant:?}"))
}

/// Each call is one to a kprobe too, with its arguments.
fn calls(driver: &NvidiaTest, variant: Variant) -> Result<()> {
    let ioctl = match variant {
        Variant::Full => "nvidia_unlocked_ioctl",
        Variant::Kprobe => "nvidia_frontend_unlocked_ioctl",
        Variant::Log => "stub_unlocked_ioctl",
    };
    let ioctl = Kprobe::trace(&format!("nvidia:{ioctl}"), "cmd=$arg2:x32")?;
    let uvm_ioctl = Kprobe::trace("nvidia_uvm:uvm_unlocked_ioctl_entry", "cmd=$arg2:u32")?;
    let notify = Kprobe::trace(
        "nvidia_uvm:uvm_perf_event_notify",
        "id=$arg2:s32 processor=+16($arg3):u32 from=+20($arg3):u32 bytes=+40($arg3):u64",
    )?;
    let service = Kprobe::trace("nvidia_uvm:uvm_parent_gpu_service_replayable_faults", "")?;

    driver.open(Node::Gpu)?.requests(0xc020_462a, 2)?;
    driver.open(Node::Control)?.requests(0xc020_462b, 1)?;
    driver.open(Node::Uvm)?.requests(37, 1)?;
    driver.fault(0)?;
    driver.fault(2)?;
    driver.migrate(1, 3, 65536)?;
    driver.service()?;

    let traced = [
        ioctl.arguments()?,
        uvm_ioctl.arguments()?,
        notify.arguments()?,
    ];
    let expected = [
        vec!["cmd=0xc020462a", "cmd=0xc020462a", "cmd=0xc020462b"],
        vec!["cmd=37"],
        vec![
            "id=6 processor=0 from=0 bytes=0",
            "id=6 processor=2 from=0 bytes=0",
            "id=7 processor=1 from=3 bytes=65536",
        ],
    ];
    ensure!(traced == expected, "traced: {traced:?}");
    ensure!(service.calls()? == 1, "no service traced");
    Ok(())
}
