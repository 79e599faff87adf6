use std::fs;
use std::path::{Path, PathBuf};

use super::{Candidate, Candidates, Discover, DiscoverError, Discovered};

/// Names of devices in memory or in files, of which a machine can have hundreds that nobody
/// looks at: they get the places that disks leave.
const SECONDARY: [&str; 3] = ["loop", "ram", "zram"];

/// Block devices that have a size, by `dev_t` as the kernel keeps it (major << 20 | minor).
///
/// Read from `/proc/partitions`, which leaves out what has no capacity: a loop device
/// appears when a file is bound to it and goes with it.
///
/// Only those that work on requests, as the directory `mq` in sysfs shows
/// (`blk_mq_sysfs_register()`): device-mapper and md volumes, zram and NVMe multipath heads
/// pass bios on, and a probe at requests would say that they do nothing.
pub struct BlockDevices {
    partitions: PathBuf,
    /// `/sys/dev/block`, where a partition's directory has a file `partition`.
    numbers: PathBuf,
    which: Which,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Which {
    Whole,
    Partitions,
}

impl BlockDevices {
    /// Whole devices: disks and loop devices.
    pub fn whole(root: &Path) -> Self {
        Self::new(root, Which::Whole)
    }

    /// Partitions of disks.
    pub fn partitions(root: &Path) -> Self {
        Self::new(root, Which::Partitions)
    }

    fn new(root: &Path, which: Which) -> Self {
        Self {
            partitions: root.join("proc/partitions"),
            numbers: root.join("sys/dev/block"),
            which,
        }
    }

    fn is_wanted(&self, major: u32, minor: u32) -> bool {
        let device = self.numbers.join(format!("{major}:{minor}"));
        let is_partition = device.join("partition").exists();
        // The directory of a partition is in that of its disk.
        let disk = if is_partition {
            device.join("..")
        } else {
            device
        };
        is_partition == (self.which == Which::Partitions) && disk.join("mq").exists()
    }
}

impl Discover for BlockDevices {
    fn place(&self) -> String {
        let (list, numbers) = (self.partitions.display(), self.numbers.display());
        format!("{list} or {numbers}")
    }

    fn discover(
        &mut self,
        _: &[Discovered],
        admits: &dyn Fn(&str) -> bool,
    ) -> Result<Candidates, DiscoverError> {
        let unreadable = |path: &Path, remedy| {
            let path = path.display().to_string();
            move |source| DiscoverError::Unreadable {
                path,
                remedy,
                source,
            }
        };
        let text = fs::read_to_string(&self.partitions)
            .map_err(unreadable(&self.partitions, "mount procfs at /proc"))?;
        // Without it no device would be one of those wanted.
        fs::metadata(&self.numbers).map_err(unreadable(&self.numbers, "mount sysfs at /sys"))?;
        let devices = text
            .lines()
            .filter_map(parse)
            .filter(|(_, _, name)| admits(name));
        let wanted = devices.filter(|&(major, minor, _)| self.is_wanted(major, minor));
        let things = wanted.map(|(major, minor, name)| Candidate {
            thing: Discovered::new(name, u64::from(major << 20 | minor)),
            rank: u64::from(is_secondary(name)),
        });
        Ok(Candidates {
            things: things.collect(),
            unseen: 0,
        })
    }
}

fn is_secondary(name: &str) -> bool {
    SECONDARY.iter().any(|kind| {
        let number = name.strip_prefix(kind);
        number.is_some_and(|number| number.starts_with(|first: char| first.is_ascii_digit()))
    })
}

/// A line of `/proc/partitions` (block/genhd.c, `show_partition()`): major, minor, blocks, name.
fn parse(line: &str) -> Option<(u32, u32, &str)> {
    let mut words = line.split_whitespace();
    let major = words.next()?.parse().ok()?;
    let minor = words.next()?.parse().ok()?;
    let _blocks: u64 = words.next()?.parse().ok()?;
    Some((major, minor, words.next()?))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn machine() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("proc")).unwrap();
        let numbers = root.path().join("sys/dev/block");
        fs::create_dir_all(&numbers).unwrap();
        for (number, device) in [
            ("8:0", "sda"),
            ("8:1", "sda/sda1"),
            ("259:0", "nvme0n1"),
            ("253:3", "dm-3"),
            ("7:0", "loop0"),
        ] {
            let directory = root.path().join("sys/devices").join(device);
            fs::create_dir_all(&directory).unwrap();
            symlink(&directory, numbers.join(number)).unwrap();
        }
        // A volume passes on what it is asked.
        for disk in ["sda", "nvme0n1", "loop0"] {
            fs::create_dir(root.path().join("sys/devices").join(disk).join("mq")).unwrap();
        }
        fs::write(root.path().join("sys/devices/sda/sda1/partition"), "1\n").unwrap();
        fs::write(
            root.path().join("proc/partitions"),
            "major minor  #blocks  name\n\n   8        0  100 sda\n   8        1   50 sda1\n \
             259        0  100 nvme0n1\n 253        3    7 dm-3\n   7        0  100 loop0\n",
        )
        .unwrap();
        root
    }

    fn labels(found: &Candidates) -> Vec<(&str, u64)> {
        let things = found.things.iter().map(|each| &each.thing);
        things.map(|thing| (thing.label(), thing.id)).collect()
    }

    #[test]
    fn tells_disks_from_partitions() {
        let root = machine();
        let whole = BlockDevices::whole(root.path())
            .discover(&[], &|_| true)
            .unwrap();
        assert_eq!(
            labels(&whole),
            [("sda", 8 << 20), ("nvme0n1", 259 << 20), ("loop0", 7 << 20)]
        );
        let parts = BlockDevices::partitions(root.path())
            .discover(&[], &|_| true)
            .unwrap();
        assert_eq!(labels(&parts), [("sda1", 8 << 20 | 1)]);
    }

    #[test]
    fn finds_only_what_is_admitted() {
        let root = machine();
        let found = BlockDevices::whole(root.path())
            .discover(&[], &|name| name != "loop0")
            .unwrap();
        assert_eq!(labels(&found), [("sda", 8 << 20), ("nvme0n1", 259 << 20)]);
    }

    #[test]
    fn disks_come_before_loop_devices_and_memory() {
        let root = machine();
        let all = BlockDevices::whole(root.path()).discover(&[], &|_| true);
        let chosen = all.unwrap().choose(&[], 2).things;
        let labels: Vec<_> = chosen.iter().map(Discovered::label).collect();
        assert_eq!(labels, ["nvme0n1", "sda"]);
        for name in ["loop0", "loop7p1", "ram15", "zram0"] {
            assert!(is_secondary(name), "{name}");
        }
        for name in ["vda", "sda1", "dm-0", "md127", "nvme0n1", "looper", "ram"] {
            assert!(!is_secondary(name), "{name}");
        }
    }

    #[test]
    fn names_the_remedy_without_procfs_or_sysfs() {
        let root = machine();
        let error = || {
            let mut devices = BlockDevices::whole(root.path());
            devices.discover(&[], &|_| true).unwrap_err().to_string()
        };
        fs::remove_dir_all(root.path().join("sys")).unwrap();
        assert!(error().contains("mount sysfs"), "{}", error());
        fs::remove_dir_all(root.path().join("proc")).unwrap();
        assert!(error().contains("mount procfs"), "{}", error());
    }
}
