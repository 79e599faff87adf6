use std::cell::OnceCell;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::kernel::btf::{Btf, BtfError};

const RUNNING: &str = "/sys/kernel/btf/vmlinux";

/// Type information of the running kernel, shared by all modules while they are loaded.
///
/// It is the largest thing that Geophone ever holds in memory: drop it after start, and call
/// [`crate::kernel::release_memory`].
#[derive(Debug)]
pub struct KernelBtf {
    reader: Btf,
    /// aya's own reading, made when the first program needs it.
    loader: OnceCell<aya::Btf>,
}

impl KernelBtf {
    /// Reads the running kernel's type information, or a file for a kernel that has none
    /// built in.
    pub fn open(path: Option<&Path>) -> Result<Self, BtfError> {
        let path = path.unwrap_or(Path::new(RUNNING));
        let bytes = fs::read(path).map_err(|source| {
            let path = PathBuf::from(path);
            if source.kind() == io::ErrorKind::NotFound && path == Path::new(RUNNING) {
                BtfError::Absent { path }
            } else {
                BtfError::Read { path, source }
            }
        })?;
        Ok(Self {
            reader: Btf::parse(bytes)?,
            loader: OnceCell::new(),
        })
    }

    /// Our reader, for lookups.
    pub fn reader(&self) -> &Btf {
        &self.reader
    }

    pub(super) fn loader(&self) -> Result<&aya::Btf, BtfError> {
        if let Some(btf) = self.loader.get() {
            return Ok(btf);
        }
        let btf = aya::Btf::parse(self.reader.as_bytes(), aya::Endianness::default())
            .map_err(|error| BtfError::Loader(error.to_string()))?;
        Ok(self.loader.get_or_init(|| btf))
    }
}
