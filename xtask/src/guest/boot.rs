//! The first process of a machine.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use geophone_test_support::kernel_module;
use rustix::mount::{MountFlags, mount};
use rustix::system::{RebootCommand, reboot};
use std::ffi::CStr;

use crate::guest::Which;
use crate::guest::report::Check;
use crate::vm::image::MODULES;

/// Type and place of the file systems that the daemon and the tests look at.
const FILE_SYSTEMS: [(&str, &str); 6] = [
    ("devtmpfs", "/dev"),
    ("proc", "/proc"),
    ("sysfs", "/sys"),
    ("tmpfs", "/tmp"),
    ("tracefs", "/sys/kernel/tracing"),
    ("cgroup2", "/sys/fs/cgroup"),
];

/// Comes back only when the machine cannot be switched off, and then the kernel panics.
pub fn run(which: Which) -> Result<()> {
    println!("{}", Check::new("boot", set_up()));
    println!("{}", Check::new("finished", test(which)));
    rustix::fs::sync();
    reboot(RebootCommand::Restart).context("switching the machine off")
}

fn set_up() -> Result<String> {
    for (kind, place) in FILE_SYSTEMS {
        fs::create_dir_all(place).ok();
        mount(kind, place, kind, MountFlags::empty(), None::<&CStr>)
            .with_context(|| format!("mounting {kind} on {place}"))?;
    }
    let mut modules = fs::read_dir(MODULES)?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<Vec<_>>>()?;
    modules.sort();
    modules
        .iter()
        .try_for_each(|module| kernel_module::load_with(module, parameters(module)))?;
    let up = Command::new("/usr/bin/ip")
        .args(["link", "set", "lo", "up"])
        .status()?;
    ensure!(up.success(), "the loopback cannot be set up");
    Ok(fs::read_to_string("/proc/sys/kernel/osrelease")?
        .trim()
        .to_owned())
}

/// Without the disk that it makes by itself, null_blk has those only that are asked for.
fn parameters(module: &Path) -> &'static CStr {
    match module.file_name() {
        Some(name) if name.as_encoded_bytes().ends_with(b"-null_blk.ko") => c"nr_devices=0",
        _ => c"",
    }
}

fn test(which: Which) -> Result<String> {
    let mut tests = Command::new("/proc/self/exe")
        .args(["guest", which.name()])
        .spawn()?;
    let status = tests.wait()?;
    ensure!(status.success(), "the tests ended with {status}");
    Ok(String::new())
}
