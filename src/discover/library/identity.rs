use std::fs::File;
use std::io;
use std::os::fd::AsFd as _;

use rustix::fs::{AtFlags, Statx, StatxFlags, StatxTimestamp, fstatfs, statx};

use super::build_id;
use super::key::{Birth, Device, Key};
use super::mapping::Mapping;

/// include/uapi/linux/magic.h
const OVERLAYFS_SUPER_MAGIC: u32 = 0x794c_7630;
const BTRFS_SUPER_MAGIC: u32 = 0x9123_683e;

/// What is known of an open file to tell whether another one is the same inode.
#[derive(Debug, Clone)]
pub(super) struct Identity {
    pub key: Key,
    file_system: FileSystem,
    changed: Birth,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FileSystem {
    /// stat(2) and the kernel's maps agree on device and inode.
    Plain,
    /// stat(2) gives each subvolume a device of its own; maps name that of the file system,
    /// the same for all snapshots of a file.
    Btrfs,
    /// Uprobes are attached to the inode of the layer below, which is the same for all
    /// mounts that share the layer. It gives its inode number and its times to stat(2),
    /// but not its device. A file that is written to is copied up, becomes another inode,
    /// and keeps the number: its birth tells.
    Overlay,
}

impl Identity {
    /// Errors also if the file is no ELF file.
    pub fn of(file: &File) -> io::Result<Self> {
        let status = status(file)?;
        let known = StatxFlags::from_bits_retain(status.stx_mask);
        let birth = known
            .contains(StatxFlags::BTIME)
            .then(|| time(status.stx_btime));
        let file_system = match u32::try_from(fstatfs(file)?.f_type) {
            Ok(OVERLAYFS_SUPER_MAGIC) => FileSystem::Overlay,
            Ok(BTRFS_SUPER_MAGIC) => FileSystem::Btrfs,
            _ => FileSystem::Plain,
        };
        Ok(Self {
            key: Key {
                device: Device {
                    major: status.stx_dev_major,
                    minor: status.stx_dev_minor,
                },
                inode: status.stx_ino,
                birth,
                build_id: build_id::read(file)?,
            },
            file_system,
            changed: time(status.stx_ctime),
        })
    }

    /// Whether both are the same inode with the same contents.
    pub fn is(&self, other: &Self) -> bool {
        self.key.build_id == other.key.build_id && self.is_inode(other)
    }

    /// Whether both are the same inode, which may have been written to.
    pub fn is_inode(&self, other: &Self) -> bool {
        let (a, b) = (&self.key, &other.key);
        let same_device = a.device == b.device;
        if !self.is_layered() && !other.is_layered() {
            return same_device && a.inode == b.inode && a.birth == b.birth;
        }
        // Without births, the time of the last change is what a read-only layer keeps.
        self.shares_number(b.inode)
            && a.birth == b.birth
            && (a.birth.is_some() || same_device || self.changed == other.changed)
    }

    /// Whether a file that was found under the path of a mapping is the one mapped there.
    pub fn is_mapped_by(&self, mapping: &Mapping<'_>) -> bool {
        match self.file_system {
            FileSystem::Plain => {
                self.key.device == mapping.device && self.key.inode == mapping.inode
            }
            FileSystem::Btrfs => self.key.inode == mapping.inode,
            FileSystem::Overlay => self.shares_number(mapping.inode),
        }
    }

    fn is_layered(&self) -> bool {
        self.file_system == FileSystem::Overlay
    }

    /// Overlayfs may put the number of the layer into the upper bits (`xino`,
    /// Documentation/filesystems/overlayfs.rst).
    fn shares_number(&self, inode: u64) -> bool {
        const LOWER: u64 = u32::MAX as u64;
        self.key.inode & LOWER == inode & LOWER
    }
}

pub(super) fn status(file: &File) -> io::Result<Statx> {
    let wanted = StatxFlags::BASIC_STATS | StatxFlags::BTIME;
    Ok(statx(file.as_fd(), c"", AtFlags::EMPTY_PATH, wanted)?)
}

fn time(time: StatxTimestamp) -> Birth {
    Birth {
        seconds: time.tv_sec,
        nanoseconds: time.tv_nsec,
    }
}

#[cfg(test)]
pub(super) mod testing {
    use super::*;
    use crate::discover::library::key::BuildId;

    /// A file on a disk.
    pub fn plain(inode: u64) -> Identity {
        let time = Birth {
            seconds: 1_700_000_000,
            nanoseconds: 7,
        };
        Identity {
            key: Key {
                device: Device { major: 8, minor: 1 },
                inode,
                birth: Some(time),
                build_id: BuildId::new(b"contents"),
            },
            file_system: FileSystem::Plain,
            changed: time,
        }
    }

    /// The same file through an overlay mount.
    pub fn overlay(inode: u64, minor: u32) -> Identity {
        let mut identity = plain(inode);
        identity.key.device = Device { major: 0, minor };
        identity.file_system = FileSystem::Overlay;
        identity
    }

    pub fn rewritten(mut identity: Identity) -> Identity {
        identity.key.build_id = BuildId::new(b"other contents");
        identity
    }

    pub fn born_later(mut identity: Identity) -> Identity {
        if let Some(birth) = &mut identity.key.birth {
            birth.seconds += 1;
        }
        identity.changed.seconds += 1;
        identity
    }

    pub fn without_birth(mut identity: Identity) -> Identity {
        identity.key.birth = None;
        identity
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::testing::{born_later, overlay, plain, rewritten, without_birth};
    use super::*;

    fn both_ways(a: &Identity, b: &Identity) -> bool {
        assert_eq!(a.is(b), b.is(a));
        a.is(b)
    }

    #[test]
    fn a_disk_s_file_has_device_and_inode() {
        assert!(both_ways(&plain(5), &plain(5)));
        assert!(!both_ways(&plain(5), &plain(6)));
        let mut clone = plain(5);
        clone.key.device.minor = 2;
        assert!(!both_ways(&plain(5), &clone));
    }

    #[test]
    fn a_number_that_was_given_again_is_another_file() {
        assert!(!both_ways(&plain(5), &born_later(plain(5))));
        assert!(!plain(5).is_inode(&born_later(plain(5))));
    }

    #[test]
    fn a_file_that_was_written_to_is_another_library() {
        assert!(!both_ways(&plain(5), &rewritten(plain(5))));
        assert!(plain(5).is_inode(&rewritten(plain(5))));
    }

    #[test]
    fn a_layer_s_file_is_one_through_all_mounts() {
        assert!(both_ways(&overlay(5, 40), &overlay(5, 41)));
        assert!(both_ways(&overlay(5, 40), &plain(5)));
        assert!(!both_ways(&overlay(5, 40), &overlay(6, 40)));
        let numbered = overlay(5 | 1 << 62, 40);
        assert!(both_ways(&numbered, &plain(5)));
    }

    #[test]
    fn a_copied_up_file_is_another_one() {
        assert!(!both_ways(&overlay(5, 40), &born_later(overlay(5, 40))));
    }

    #[test]
    fn without_births_the_last_change_tells_layers_apart() {
        let here = without_birth(overlay(5, 40));
        let there = without_birth(overlay(5, 41));
        assert!(both_ways(&here, &there));
        let changed = without_birth(born_later(overlay(5, 41)));
        assert!(!both_ways(&here, &changed));
        let same_mount = without_birth(born_later(overlay(5, 40)));
        assert!(both_ways(&here, &same_mount));
        assert!(!both_ways(&here, &overlay(5, 40)));
    }

    #[test]
    fn mappings_are_held_against_what_the_file_system_tells() {
        let line = b"1000-2000 r-xp 0 08:01 5 /usr/lib/libx.so";
        let mapping = Mapping::parse(line).unwrap();
        assert!(plain(5).is_mapped_by(&mapping));
        assert!(!plain(6).is_mapped_by(&mapping));
        assert!(overlay(5, 40).is_mapped_by(&mapping));
        assert!(!overlay(6, 40).is_mapped_by(&mapping));
        let mut btrfs = plain(5);
        btrfs.key.device = Device { major: 0, minor: 9 };
        assert!(!btrfs.is_mapped_by(&mapping));
        btrfs.file_system = FileSystem::Btrfs;
        assert!(btrfs.is_mapped_by(&mapping));
    }
}
