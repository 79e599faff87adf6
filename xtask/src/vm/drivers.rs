//! Modules of `tests/drivers`, built once for each kernel.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use crate::architecture::Architecture;
use crate::command::output;
use crate::vm::build_root::BuildRoot;

/// Directories below `tests/drivers`. Those of one name cannot be made in one go.
const DRIVERS: [&str; 5] = [
    "sched_test",
    "nvidia_test/full",
    "nvidia_test/kprobe",
    "nvidia_test/log",
    "nvidia_test/uvm",
];

/// The file that tells which sources the modules were built from.
const SOURCES: &str = "sources";

/// A module, and its path below the directory of all drivers.
pub struct Driver {
    pub path: String,
    pub file: PathBuf,
}

/// The modules of `sources` below `directory`, built unless they are there.
pub fn provide(sources: &Path, root: &BuildRoot, directory: &Path) -> Result<Vec<Driver>> {
    let digest = digest(sources)?;
    if fs::read_to_string(directory.join(SOURCES)).ok().as_ref() != Some(&digest) {
        fs::remove_dir_all(directory).ok();
        for driver in DRIVERS {
            let place = directory.join(driver);
            fs::create_dir_all(&place)?;
            for module in root.make(sources, driver)? {
                let name = module.file_name().context("a module without a name")?;
                strip(&module, &place.join(name), root.architecture())?;
            }
        }
        fs::write(directory.join(SOURCES), digest)?;
    }
    let mut found = Vec::new();
    for driver in DRIVERS {
        for entry in fs::read_dir(directory.join(driver))? {
            let entry = entry?;
            found.push(Driver {
                path: format!("{driver}/{}", entry.file_name().to_string_lossy()),
                file: entry.path(),
            });
        }
    }
    Ok(found)
}

/// Without what only a debugger reads; type information stays.
fn strip(module: &Path, copy: &Path, architecture: Architecture) -> Result<()> {
    let mut strip = Command::new(architecture.strip());
    output(strip.arg("--strip-debug").arg("-o").arg(copy).arg(module))?;
    Ok(())
}

/// Of the names and the contents of all files below `directory`.
fn digest(directory: &Path) -> Result<String> {
    let mut files = Vec::new();
    let mut pending = vec![directory.to_owned()];
    while let Some(directory) = pending.pop() {
        let entries = fs::read_dir(&directory).with_context(|| directory.display().to_string())?;
        for entry in entries {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                pending.push(entry.path());
            } else {
                files.push(entry.path());
            }
        }
    }
    files.sort();
    let mut hash = Sha256::new();
    for file in files {
        hash.update(file.strip_prefix(directory)?.as_os_str().as_encoded_bytes());
        hash.update([0]);
        hash.update(Sha256::digest(fs::read(&file)?));
    }
    Ok(format!("{:x}", hash.finalize()))
}
