//! Kernel file systems, found where they are mounted or mounted for as long as needed.

use std::ffi::{CStr, CString};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use tempfile::TempDir;

/// A mounted kernel file system, such as `cgroup2`.
pub struct FileSystem {
    path: PathBuf,
    /// Where there was none and it is ours to unmount.
    ours: Option<TempDir>,
}

impl FileSystem {
    /// The file system of this kind that is mounted, or a mount of its own.
    pub fn of_kind(kind: &str) -> Result<Self> {
        let mounts = fs::read_to_string("/proc/self/mounts").context("/proc/self/mounts")?;
        if let Some(path) = mounts.lines().find_map(|line| place(line, kind)) {
            let path = PathBuf::from(path);
            return Ok(Self { path, ours: None });
        }
        Self::mounted(kind, None)
    }

    /// A tmpfs of its own that is full when it holds this many bytes.
    pub fn with_room_for(bytes: u64) -> Result<Self> {
        Self::mounted("tmpfs", Some(&CString::new(format!("size={bytes}"))?))
    }

    fn mounted(kind: &str, options: Option<&CStr>) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let path = directory.path().to_owned();
        mount(kind, &path, kind, MountFlags::empty(), options)
            .with_context(|| format!("mounting {kind}"))?;
        let ours = Some(directory);
        Ok(Self { path, ours })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for FileSystem {
    fn drop(&mut self) {
        if self.ours.is_some()
            && let Err(error) = unmount(&self.path, UnmountFlags::empty())
        {
            eprintln!("left behind: the mount at {}: {error}", self.path.display());
        }
    }
}

/// The mount point in a line of `/proc/self/mounts` (fstab(5)) that is of this kind.
fn place<'a>(line: &'a str, kind: &str) -> Option<&'a str> {
    let mut fields = line.split(' ');
    let place = fields.nth(1)?;
    (fields.next()? == kind).then_some(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mount_is_found_by_its_kind() {
        let line = "cgroup2 /sys/fs/cgroup/unified cgroup2 rw,relatime 0 0";
        assert_eq!(place(line, "cgroup2"), Some("/sys/fs/cgroup/unified"));
        assert_eq!(place(line, "cgroup"), None);
    }
}
