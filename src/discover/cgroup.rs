use std::collections::{BTreeSet, VecDeque};
use std::fs;
use std::os::unix::fs::{DirEntryExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use crate::kernel::Mounts;

use super::{Candidate, Candidates, Discover, DiscoverError, Discovered};

/// Groups looked at in one discovery. What is beyond it is in `other`, whatever its name.
const MAX_GROUPS: u64 = 16_384;

/// Control groups of the unified hierarchy (v2), by the inode number of their directory,
/// which is the kernel's `cgroup_id()`. Shallow groups come before deep ones when there is
/// not room for all.
pub struct Cgroups {
    root: PathBuf,
    /// Groups to look at.
    most: u64,
}

impl Cgroups {
    pub fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            most: MAX_GROUPS,
        }
    }
}

impl Discover for Cgroups {
    fn place(&self) -> String {
        "the mount of cgroup2".to_owned()
    }

    fn discover(
        &mut self,
        placed: &[Discovered],
        admits: &dyn Fn(&str) -> bool,
    ) -> Result<Candidates, DiscoverError> {
        let mut found = Candidates::default();
        let Some(mount) = mount(&self.root)? else {
            return Ok(found);
        };
        let mut add = |label: &str, id, depth| {
            if admits(label) {
                let thing = Discovered::new(label, id);
                found.things.push(Candidate { thing, rank: depth });
            }
        };
        let top = fs::metadata(&mount).map_err(|source| DiscoverError::Unreadable {
            path: mount.display().to_string(),
            remedy: "let cgroup2 be seen where it is mounted",
            source,
        })?;
        add("/", top.ino(), 0);
        let mut seen = 0;
        let mut waiting = VecDeque::from([(mount.clone(), String::new(), 1)]);
        'walk: while let Some((directory, path, depth)) = waiting.pop_front() {
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
                if seen == self.most {
                    let all = descendants(&mount);
                    found.unseen = all.map_or(1, |all| all.saturating_sub(seen).max(1));
                    break 'walk;
                }
                seen += 1;
                let name = format!("{path}/{}", entry.file_name().to_string_lossy());
                add(&name, entry.ino(), depth);
                waiting.push_back((entry.path(), name, depth + 1));
            }
        }
        if found.unseen > 0 {
            look_at(placed, &mount, &mut found);
        }
        Ok(found)
    }
}

/// Adds those of `placed` that the walk did not come to.
fn look_at(placed: &[Discovered], mount: &Path, found: &mut Candidates) {
    let seen: BTreeSet<u64> = found.things.iter().map(|each| each.thing.id).collect();
    for thing in placed.iter().filter(|thing| !seen.contains(&thing.id)) {
        let group = mount.join(thing.label().trim_start_matches('/'));
        if fs::metadata(group).is_ok_and(|group| group.ino() == thing.id) {
            let thing = thing.clone();
            found.things.push(Candidate { thing, rank: 0 });
            found.unseen = found.unseen.saturating_sub(1);
        }
    }
}

/// How many groups there are below one, as the kernel counts them (`cgroup.stat`, since 4.14).
fn descendants(group: &Path) -> Option<u64> {
    let statistics = fs::read_to_string(group.join("cgroup.stat")).ok()?;
    let mut lines = statistics.lines();
    let count = lines.find_map(|line| line.strip_prefix("nr_descendants "))?;
    count.parse().ok()
}

/// Where cgroup2 is mounted: alone, or beside v1 in the hybrid layout.
pub(super) fn mount(root: &Path) -> Result<Option<PathBuf>, DiscoverError> {
    let path = root.join("proc/self/mounts");
    let mounts = Mounts::read(&path).map_err(|source| DiscoverError::Unreadable {
        path: path.display().to_string(),
        remedy: "mount procfs at /proc",
        source,
    })?;
    let mount = mounts.cgroup2;
    Ok(mount.map(|mount| root.join(mount.trim_start_matches('/'))))
}

/// Whether a group has none below it: kernfs gives a directory one link for each directory in
/// it, beside its own two (`kernfs_refresh_inode()`). That is one call, where listing the
/// dozens of files of a group takes many times as long.
fn is_leaf(directory: &Path) -> bool {
    fs::metadata(directory).is_ok_and(|directory| directory.nlink() == 2)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;

    use super::*;

    /// A machine with these groups.
    fn machine(groups: &[&[u8]]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        let top = root.path().join("sys/fs/cgroup");
        for group in groups {
            fs::create_dir_all(top.join(OsStr::from_bytes(group))).unwrap();
        }
        fs::create_dir_all(root.path().join("proc/self")).unwrap();
        fs::write(
            root.path().join("proc/self/mounts"),
            "cgroup2 /sys/fs/cgroup cgroup2 rw,nosuid 0 0\n",
        )
        .unwrap();
        root
    }

    fn labels(things: &[Discovered]) -> Vec<&str> {
        things.iter().map(Discovered::label).collect()
    }

    #[test]
    fn walks_groups_and_puts_the_shallow_ones_first() {
        let root = machine(&[b"system.slice/ssh.service", b"user.slice"]);
        let found = Cgroups::new(root.path()).discover(&[], &|_| true).unwrap();
        let all = found.clone().choose(&[], 9).things;
        assert_eq!(
            labels(&all),
            [
                "/",
                "/system.slice",
                "/system.slice/ssh.service",
                "/user.slice"
            ]
        );
        let group = root.path().join("sys/fs/cgroup/user.slice");
        assert_eq!(all[3].id, fs::metadata(group).unwrap().ino());
        let three = found.choose(&[], 3).things;
        assert_eq!(labels(&three), ["/", "/system.slice", "/user.slice"]);
    }

    #[test]
    fn names_that_look_alike_share_one_series() {
        let root = machine(&[b"a\xfe", b"a\xff"]);
        let found = Cgroups::new(root.path()).discover(&[], &|_| true).unwrap();
        let chosen = found.choose(&[], 9);
        assert_eq!(labels(&chosen.things), ["/", "/a\u{fffd}"]);
        assert_eq!(chosen.left_out.len(), 1);
    }

    #[test]
    fn says_how_many_groups_it_does_not_look_at() {
        let root = machine(&[b"a/b", b"c/d/e"]);
        fs::write(
            root.path().join("sys/fs/cgroup/cgroup.stat"),
            "nr_descendants 5\nnr_dying_descendants 3\n",
        )
        .unwrap();
        let mut cgroups = Cgroups::new(root.path());
        for (most, unseen) in [(5, 0), (2, 3), (0, 5)] {
            cgroups.most = most;
            let found = cgroups.discover(&[], &|_| true).unwrap();
            assert_eq!(
                (found.things.len() as u64, found.unseen),
                (most + 1, unseen)
            );
        }
    }
    #[test]
    fn who_has_a_place_is_seen_however_many_come() {
        let root = machine(&[b"a/b/c"]);
        let top = root.path().join("sys/fs/cgroup");
        let mut cgroups = Cgroups::new(root.path());
        let placed = cgroups.discover(&[], &|_| true).unwrap();
        let placed = placed.choose(&[], 9).things;
        for group in 0..9 {
            fs::create_dir(top.join(group.to_string())).unwrap();
        }
        fs::write(top.join("cgroup.stat"), "nr_descendants 12\n").unwrap();
        cgroups.most = 4;
        let found = cgroups.discover(&placed, &|_| true).unwrap();
        // The root is not a descendant.
        assert_eq!(found.things.len() as u64 - 1 + found.unseen, 12);
        assert_eq!(found.choose(&placed, placed.len()).things, placed);

        fs::remove_dir(top.join("a/b/c")).unwrap();
        let found = cgroups.discover(&placed, &|_| true).unwrap();
        assert!(
            found
                .things
                .iter()
                .all(|each| each.thing.label() != "/a/b/c")
        );
    }
}
