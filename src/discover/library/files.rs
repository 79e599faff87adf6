//! Opening files that others may have put there to hurt: through their own root, so that no
//! link leads out of it, and only regular ones, so that opening has no effect and no end to
//! wait for.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::Path;

use rustix::fs::{FileType, Mode, OFlags, ResolveFlags, openat2};

use super::identity::status;

/// The directory that paths start from: `/`, or that of another mount namespace.
pub(super) struct Root(OwnedFd);

impl Root {
    pub fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self(rustix::fs::open(path, flags, Mode::empty())?))
    }

    /// A regular file, by the path it has below the root.
    pub fn file(&self, path: &Path) -> io::Result<File> {
        regular(self.resolve(path, OFlags::PATH)?)
    }

    pub fn directory(&self, path: &Path) -> io::Result<OwnedFd> {
        self.resolve(path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NONBLOCK)
    }

    fn resolve(&self, path: &Path, flags: OFlags) -> io::Result<OwnedFd> {
        let within = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        Ok(openat2(
            &self.0,
            path,
            flags | OFlags::CLOEXEC,
            Mode::empty(),
            within,
        )?)
    }
}

/// A regular file behind one of the kernel's own links, such as those of
/// `/proc/PID/map_files`.
pub(super) fn behind(link: &str) -> io::Result<File> {
    regular(rustix::fs::open(
        link,
        OFlags::PATH | OFlags::CLOEXEC,
        Mode::empty(),
    )?)
}

/// The file that was found, open for reading.
fn regular(found: OwnedFd) -> io::Result<File> {
    let found = File::from(found);
    let kind = FileType::from_raw_mode(status(&found)?.stx_mode.into());
    if kind != FileType::RegularFile {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "it is no regular file",
        ));
    }
    let link = format!("/proc/self/fd/{}", found.as_raw_fd());
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    Ok(rustix::fs::open(link, flags, Mode::empty())?.into())
}
