//! Kernel modules out of files, without `modprobe`.

use std::ffi::{CStr, CString};
use std::fs::File;
use std::path::Path;

use anyhow::{Context, Result};
use rustix::io::Errno;
use rustix::system::{delete_module, finit_module};

/// O_NONBLOCK of `delete_module(2)`: one that is in use fails, and is not waited for.
const NOW: i32 = 0o4000;

/// Loads the module in `file`. What it needs has to be loaded.
pub fn load(file: &Path) -> Result<()> {
    load_with(file, c"")
}

/// As [`load`], with these parameters.
pub fn load_with(file: &Path, parameters: &CStr) -> Result<()> {
    let name = || format!("loading {}", file.display());
    let module = File::open(file).with_context(name)?;
    finit_module(&module, parameters, 0).with_context(name)
}

/// As [`load`], but one that is loaded already will do.
pub fn need(file: &Path) -> Result<()> {
    load(file).or_else(|error| match error.downcast_ref() {
        Some(&Errno::EXIST) => Ok(()),
        _ => Err(error),
    })
}

/// Unloads the module of this name, which nobody may use.
pub fn unload(name: &str) -> Result<()> {
    delete_module(&CString::new(name)?, NOW).with_context(|| format!("unloading {name}"))
}

/// Whether a module of this name is loaded.
pub fn is_loaded(name: &str) -> bool {
    Path::new("/sys/module").join(name).exists()
}
