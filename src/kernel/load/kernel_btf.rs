use std::cell::OnceCell;
use std::io;
use std::path::Path;

use crate::kernel::btf::{Btf, BtfError};
use crate::kernel::facts::Facts;
use crate::regular_file;

/// Where a kernel shows its own type information.
pub const RUNNING: &str = "/sys/kernel/btf/vmlinux";

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
    ///
    /// # Errors
    ///
    /// There is none, it cannot be read or understood, or the file is of another kernel. On a
    /// kernel without type information nothing tells whose the file is.
    pub fn open(path: Option<&Path>) -> Result<Self, BtfError> {
        Self::open_beside(path, Path::new(RUNNING))
    }

    fn open_beside(path: Option<&Path>, running: &Path) -> Result<Self, BtfError> {
        let (path, bytes) = match path {
            None => (running, read(running)?.ok_or_else(|| absent(running))?),
            Some(path) => (path, read(path)?.ok_or_else(|| missing(path))?),
        };
        let in_file = |source| BtfError::File {
            path: path.to_owned(),
            source: Box::new(source),
        };
        let reader = Btf::parse(bytes).map_err(in_file)?;
        if path != running && read(running)?.is_some_and(|own| own != reader.as_bytes()) {
            return Err(BtfError::OtherKernel {
                path: path.to_owned(),
                running: running.to_owned(),
            });
        }
        Ok(Self {
            reader,
            loader: OnceCell::new(),
        })
    }

    /// Our reader, for lookups.
    pub fn reader(&self) -> &Btf {
        &self.reader
    }

    /// What the kernel can be asked.
    pub(super) fn facts(&self) -> Facts<'_> {
        Facts::running(&self.reader)
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

/// None if there is no such file.
fn read(path: &Path) -> Result<Option<Vec<u8>>, BtfError> {
    match regular_file::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(BtfError::Read {
            path: path.to_owned(),
            source,
        }),
    }
}

fn absent(path: &Path) -> BtfError {
    BtfError::Absent {
        path: path.to_owned(),
    }
}

fn missing(path: &Path) -> BtfError {
    BtfError::Read {
        path: path.to_owned(),
        source: io::Error::from_raw_os_error(libc::ENOENT),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::fs;

    use super::*;
    use crate::kernel::btf::build::Builder;

    fn type_information(name: &str) -> Vec<u8> {
        let mut btf = Builder::default();
        btf.int(name, 4, 0, 32);
        btf.finish()
    }

    #[test]
    fn a_file_of_another_kernel_is_refused_where_the_kernel_has_its_own() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        fs::write(at("running"), type_information("u32")).unwrap();
        fs::write(at("same"), type_information("u32")).unwrap();
        fs::write(at("other"), type_information("s32")).unwrap();
        let open = |path: &str, running: &str| {
            KernelBtf::open_beside(Some(&at(path)), &at(running)).map(|_| ())
        };
        open("same", "running").unwrap();
        let error = open("other", "running").unwrap_err();
        assert!(matches!(error, BtfError::OtherKernel { .. }), "{error}");
        // Nothing to compare with.
        open("other", "absent").unwrap();
        let error = open("absent", "running").unwrap_err();
        assert!(matches!(error, BtfError::Read { .. }), "{error}");
        let error = KernelBtf::open_beside(None, &at("absent")).unwrap_err();
        assert!(matches!(error, BtfError::Absent { .. }), "{error}");
    }
}
