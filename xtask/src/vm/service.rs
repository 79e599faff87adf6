//! The file system of a machine whose first process is systemd: Debian's, with the daemon as its
//! package will have it.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::apt::Suite;
use crate::architecture::Architecture;
use crate::vm::cpio::Archive;
use crate::vm::image::{DAEMON, Programs, stripped};

/// What the machine starts, as `ExecStart` and on the kernel's command line.
pub const UNIT: &str = "geophone-test.service";

/// With all that they need.
const PACKAGES: [&str; 5] = [
    "base-files",
    "coreutils",
    "dash",
    "systemd-sysv",
    "util-linux",
];

/// The file that tells for which packages the others are there.
const WANTED: &str = "wanted";

/// Those that a machine of Debian's has as links into `usr` before anything is unpacked.
const LINKS: [&str; 4] = ["bin", "lib", "lib64", "sbin"];

/// What nothing runs with; the machine holds all of it in memory.
const UNNEEDED: [&str; 4] = [
    "usr/share/doc",
    "usr/share/locale",
    "usr/share/man",
    "usr/share/zoneinfo",
];

/// Where the checks are.
const TEST: &str = "/usr/lib/geophone-test";

/// Root, whom packages take to be there; systemd makes the others.
const ETC: [(&str, &str); 2] = [
    ("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n"),
    ("etc/group", "root:x:0:\n"),
];

/// Where the checks find what an administrator may add for GPUs.
pub const GPU: &str = "/usr/share/geophone/gpu.conf";

/// What a package installs, and where.
const INSTALLED: [(&str, &str); 4] = [
    ("gpu.conf", GPU),
    (
        "geophone.service",
        "usr/lib/systemd/system/geophone.service",
    ),
    ("geophone.socket", "usr/lib/systemd/system/geophone.socket"),
    ("geophone.sysusers", "usr/lib/sysusers.d/geophone.conf"),
];

/// Debian's files below `directory`, fetched unless they are there.
pub fn provide(suite: &str, directory: &Path) -> Result<PathBuf> {
    let place = directory.join("userland");
    let wanted = PACKAGES.join(" ");
    if fs::read_to_string(place.join(WANTED)).is_ok_and(|found| found == wanted) {
        return Ok(place);
    }
    fs::remove_dir_all(&place).ok();
    let partial = directory.join("userland.partial");
    fs::remove_dir_all(&partial).ok();
    for name in LINKS {
        let target = format!("usr/{name}");
        fs::create_dir_all(partial.join(&target))?;
        symlink(target, partial.join(name))?;
    }
    let lists = directory.join("apt");
    let suite = Suite::open(suite, Architecture::Amd64, &lists)?;
    let packages = suite.closure(&PACKAGES.map(str::to_owned))?;
    suite.unpack(&packages, &partial)?;
    fs::remove_dir_all(lists)?;
    fs::write(partial.join(WANTED), wanted)?;
    // Only now is it complete.
    fs::rename(&partial, &place)?;
    Ok(place)
}

/// Packs Debian's files, the daemon with the units of `packaging`, and what tests them.
pub fn pack(
    userland: &Path,
    programs: &Programs,
    packaging: &Path,
    scratch: &Path,
) -> Result<Vec<u8>> {
    let mut archive = Archive::default();
    archive.tree(userland, &UNNEEDED)?;
    for directory in ["dev", "proc", "sys", "tmp", "run", "root"] {
        archive.directory(directory);
    }
    for (path, text) in ETC {
        archive.text(path, text.as_bytes());
    }
    for (path, program) in [(DAEMON, &programs.daemon), (TEST, &programs.init)] {
        let program = stripped(program, Architecture::Amd64, scratch)?;
        archive.file(path, &fs::read(program)?);
    }
    for (name, path) in INSTALLED {
        let file = packaging.join("systemd").join(name);
        let text = fs::read(&file).with_context(|| file.display().to_string())?;
        archive.text(path, &text);
    }
    let unit = format!(
        "[Service]\nType=oneshot\nTimeoutStartSec=infinity\nExecStart={TEST} guest service\n\
         StandardOutput=file:/dev/console\nStandardError=inherit\n"
    );
    archive.text(&format!("etc/systemd/system/{UNIT}"), unit.as_bytes());
    Ok(archive.finish())
}
