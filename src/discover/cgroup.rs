use std::collections::VecDeque;
use std::fs;
use std::os::unix::fs::{DirEntryExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use super::{Discover, DiscoverError, Discovered, Found};

/// Directories looked at in one discovery. Groups beyond it are in `other`.
const MAX_DIRECTORIES: usize = 16_384;

/// Control groups of the unified hierarchy (v2), by the inode number of their directory,
/// which is the kernel's `cgroup_id()`. Shallow groups come before deep ones when the limit
/// does not let all in.
pub struct Cgroups {
    root: PathBuf,
}

impl Cgroups {
    pub fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
        }
    }
}

impl Discover for Cgroups {
    fn discover(
        &mut self,
        limit: usize,
        admits: &dyn Fn(&str) -> bool,
    ) -> Result<Found, DiscoverError> {
        let Some(mount) = mount(&self.root)? else {
            return Ok(Found::default());
        };
        let mut found = Found::default();
        if admits("/")
            && limit > 0
            && let Ok(top) = fs::metadata(&mount)
        {
            found.things.push(Discovered {
                label: "/".into(),
                id: top.ino(),
            });
        }
        let mut waiting = VecDeque::from([(mount, String::new())]);
        let mut looked_at = 0;
        while let Some((directory, path)) = waiting.pop_front() {
            looked_at += 1;
            if looked_at > MAX_DIRECTORIES {
                break;
            }
            if is_leaf(&directory) {
                continue;
            }
            // A group may go while we look; its parent told of it a moment ago.
            let Ok(entries) = fs::read_dir(&directory) else {
                continue;
            };
            for entry in entries.flatten() {
                if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    continue;
                }
                let name = format!("{path}/{}", entry.file_name().to_string_lossy());
                if admits(&name) {
                    if found.things.len() < limit {
                        found.things.push(Discovered {
                            label: name.as_str().into(),
                            id: entry.ino(),
                        });
                    } else {
                        found.left_out += 1;
                    }
                }
                waiting.push_back((entry.path(), name));
            }
        }
        Ok(found.distinct())
    }
}

/// Where cgroup2 is mounted: alone, or beside v1 in the hybrid layout.
pub(super) fn mount(root: &Path) -> Result<Option<PathBuf>, DiscoverError> {
    let mountinfo = root.join("proc/self/mountinfo");
    let text = fs::read_to_string(&mountinfo).map_err(|source| DiscoverError {
        path: mountinfo.display().to_string(),
        remedy: "mount procfs at /proc",
        source,
    })?;
    Ok(text
        .lines()
        .find_map(cgroup2_mount_point)
        .map(|mount| root.join(mount.strip_prefix('/').unwrap_or(mount))))
}

/// Whether a group has none below it: kernfs gives a directory one link for each directory in
/// it, beside its own two (`kernfs_refresh_inode()`). That is one call, where listing the
/// dozens of files of a group takes many times as long.
fn is_leaf(directory: &Path) -> bool {
    fs::metadata(directory).is_ok_and(|directory| directory.nlink() == 2)
}

/// The mount point in a line of mountinfo whose file system is cgroup2 (proc(5)).
fn cgroup2_mount_point(line: &str) -> Option<&str> {
    let (mount, file_system) = line.split_once(" - ")?;
    (file_system.split(' ').next()? == "cgroup2").then(|| mount.split(' ').nth(4))?
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_hybrid_mount() {
        let line = "40 31 0:37 / /sys/fs/cgroup/unified rw,relatime shared:9 - cgroup2 cgroup2 rw";
        assert_eq!(cgroup2_mount_point(line), Some("/sys/fs/cgroup/unified"));
        assert_eq!(
            cgroup2_mount_point("40 31 0:37 / /x rw - cgroup cgroup rw,cpu"),
            None
        );
    }

    #[test]
    fn walks_groups_and_keeps_the_shallow_ones() {
        let root = tempfile::tempdir().unwrap();
        let groups = root.path().join("sys/fs/cgroup");
        fs::create_dir_all(groups.join("system.slice/ssh.service")).unwrap();
        fs::create_dir_all(groups.join("user.slice")).unwrap();
        fs::create_dir_all(root.path().join("proc/self")).unwrap();
        fs::write(
            root.path().join("proc/self/mountinfo"),
            "40 31 0:37 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
        )
        .unwrap();
        let mut cgroups = Cgroups::new(root.path());
        let all = cgroups.discover(9, &|_| true).unwrap();
        let labels: Vec<_> = all.things.iter().map(|thing| &*thing.label).collect();
        assert_eq!(
            labels,
            [
                "/",
                "/system.slice",
                "/system.slice/ssh.service",
                "/user.slice"
            ]
        );
        let inode = fs::metadata(groups.join("user.slice")).unwrap().ino();
        assert_eq!(all.things[3].id, inode);
        let three = cgroups.discover(3, &|_| true).unwrap();
        assert_eq!((three.things.len(), three.left_out), (3, 1));
        assert!(
            three
                .things
                .iter()
                .all(|thing| thing.label.matches('/').count() == 1)
        );
    }

    #[test]
    fn names_that_look_alike_share_one_series() {
        use std::ffi::OsStr;
        use std::os::unix::ffi::OsStrExt as _;

        let root = tempfile::tempdir().unwrap();
        let groups = root.path().join("sys/fs/cgroup");
        for name in [&b"a\xfe"[..], b"a\xff"] {
            fs::create_dir_all(groups.join(OsStr::from_bytes(name))).unwrap();
        }
        fs::create_dir_all(root.path().join("proc/self")).unwrap();
        fs::write(
            root.path().join("proc/self/mountinfo"),
            "40 31 0:37 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
        )
        .unwrap();
        let found = Cgroups::new(root.path()).discover(9, &|_| true).unwrap();
        let labels: Vec<_> = found.things.iter().map(|thing| &*thing.label).collect();
        assert_eq!(labels, ["/", "/a\u{fffd}"]);
        assert_eq!(found.left_out, 1);
    }
}
