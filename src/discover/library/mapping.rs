use std::borrow::Cow;

use super::key::Device;

/// What the kernel appends to the path of a file that is no longer there under that name
/// (`prepend_path()`, fs/d_path.c). A file can also be called so.
const DELETED: &[u8] = b" (deleted)";

/// A file mapped for execution: a line of `/proc/PID/maps` (`show_map_vma()`,
/// fs/proc/task_mmu.c).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mapping<'a> {
    pub start: u64,
    pub end: u64,
    /// Of the file system, which on btrfs and overlayfs need not be what stat(2) gives.
    pub device: Device,
    pub inode: u64,
    /// As the process sees it, without what tells that it was deleted.
    pub path: Cow<'a, [u8]>,
    pub deleted: bool,
}

impl<'a> Mapping<'a> {
    /// None if nothing is executed there, or no file with a path is mapped, or the line is
    /// none of the kernel's.
    pub fn parse(line: &'a [u8]) -> Option<Self> {
        let (addresses, rest) = word(line)?;
        let (permissions, rest) = word(rest)?;
        if permissions.get(2) != Some(&b'x') {
            return None;
        }
        let (_offset, rest) = word(rest)?;
        let (device, rest) = word(rest)?;
        let (inode, rest) = word(rest)?;
        let path = rest.trim_ascii_start();
        if !path.starts_with(b"/") {
            return None;
        }
        let (start, end) = split(addresses, b'-')?;
        let (major, minor) = split(device, b':')?;
        let (path, deleted) = match path.strip_suffix(DELETED) {
            Some(path) => (path, true),
            None => (path, false),
        };
        Some(Self {
            start,
            end,
            device: Device {
                major: u32::try_from(major).ok()?,
                minor: u32::try_from(minor).ok()?,
            },
            inode: std::str::from_utf8(inode).ok()?.parse().ok()?,
            path: unescaped(path),
            deleted,
        })
    }

    pub fn into_owned(self) -> Mapping<'static> {
        Mapping {
            path: Cow::Owned(self.path.into_owned()),
            ..self
        }
    }

    /// The last part of the path.
    pub fn name(&self) -> &[u8] {
        self.path
            .rsplit(|byte| *byte == b'/')
            .next()
            .unwrap_or_default()
    }
}

/// The bytes up to the next space, and those after it.
fn word(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let space = bytes.iter().position(|byte| *byte == b' ')?;
    bytes.split_at_checked(space).map(|(word, rest)| {
        let rest = rest.get(1..).unwrap_or_default();
        (word, rest)
    })
}

/// Two hexadecimal numbers.
fn split(bytes: &[u8], between: u8) -> Option<(u64, u64)> {
    let (first, second) = std::str::from_utf8(bytes)
        .ok()?
        .split_once(between as char)?;
    let number = |text| u64::from_str_radix(text, 16).ok();
    Some((number(first)?, number(second)?))
}

/// The kernel writes a newline as `\012`, and nothing else so, not even a backslash: a name
/// that has these four characters itself cannot be told from one with a newline.
fn unescaped(path: &[u8]) -> Cow<'_, [u8]> {
    const NEWLINE: &[u8] = b"\\012";
    if !path.contains(&b'\\') {
        return Cow::Borrowed(path);
    }
    let mut plain = Vec::with_capacity(path.len());
    let mut rest = path;
    while let Some((byte, after)) = rest.split_first() {
        if let Some(after) = rest.strip_prefix(NEWLINE) {
            plain.push(b'\n');
            rest = after;
        } else {
            plain.push(*byte);
            rest = after;
        }
    }
    Cow::Owned(plain)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const START: &str = "7f856e09d000-7f856e09e000 r-xp 00001000 fe:0a 10379293    ";

    fn mapped(path: &str) -> (Vec<u8>, bool) {
        let line = format!("{START}{path}");
        let mapping = Mapping::parse(line.as_bytes()).unwrap();
        (mapping.name().to_vec(), mapping.deleted)
    }

    #[test]
    fn a_line_has_addresses_device_inode_and_path() {
        let line = format!("{START}/usr/lib/libcuda.so.1");
        let mapping = Mapping::parse(line.as_bytes()).unwrap();
        assert_eq!(
            (mapping.start, mapping.end),
            (0x7f85_6e09_d000, 0x7f85_6e09_e000)
        );
        let device = Device {
            major: 0xfe,
            minor: 10,
        };
        assert_eq!((mapping.device, mapping.inode), (device, 10_379_293));
        assert_eq!(&*mapping.path, b"/usr/lib/libcuda.so.1");
        assert_eq!(mapping.name(), b"libcuda.so.1");
    }

    #[test]
    fn low_addresses_and_large_numbers_are_read() {
        let line = b"00400000-00452000 r-xs ffffffff00000000 103:1fffff 18446744073709551615 /a";
        let mapping = Mapping::parse(line).unwrap();
        assert_eq!((mapping.start, mapping.inode), (0x40_0000, u64::MAX));
        assert_eq!(mapping.device.major, 0x103);
    }

    #[test]
    fn hostile_paths_are_read() {
        let plain = |name: &[u8]| (name.to_vec(), false);
        assert_eq!(mapped("/a b/lib x.so"), plain(b"lib x.so"));
        assert_eq!(mapped("/a/li\\012b.so"), plain(b"li\nb.so"));
        assert_eq!(mapped("/a/li\\013b.so"), plain(b"li\\013b.so"));
        assert_eq!(mapped("/a/"), plain(b""));
        assert_eq!(
            mapped("/a/lib.so.1 (deleted)"),
            (b"lib.so.1".to_vec(), true)
        );
        assert_eq!(
            mapped("/a/lib.so.1 (deleted) (deleted)"),
            (b"lib.so.1 (deleted)".to_vec(), true)
        );
        let line = [START.as_bytes(), b"/a/\xff\xfe.so"].concat();
        assert_eq!(Mapping::parse(&line).unwrap().name(), b"\xff\xfe.so");
    }

    #[test]
    fn what_is_no_code_of_a_file_is_left_out() {
        for line in [
            "7f856e09d000-7f856e09e000 r--p 00001000 fe:00 10379293    /usr/lib/libcuda.so.1",
            "7f856e09d000-7f856e09e000 r-xp 00000000 00:00 0 ",
            "7ffd3a5d2000-7ffd3a5d4000 r-xp 00000000 00:00 0           [vdso]",
            "7ffd3a5d2000-7ffd3a5d4000 r-xp 00000000 00:0e 1           anon_inode:[perf]",
            "7ffd3a5d2000-7ffd3a5d4000 r-xp 00000000 00:0e",
            "r-xp",
            "x-y r-xp 0 fe:00 1 /a",
            "1-2 r-xp 0 fe 1 /a",
            "1-2 r-xp 0 fe:00 -1 /a",
            "1-2 r-xp 0 100000000:00 1 /a",
            "",
        ] {
            assert_eq!(Mapping::parse(line.as_bytes()), None, "{line}");
        }
    }

    proptest! {
        #[test]
        fn no_line_makes_it_panic(line in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = Mapping::parse(&line);
        }

        #[test]
        fn no_field_makes_it_panic(line in "[0-9a-f:-]{0,20} r-xp [0-9a-f ]{0,12} [0-9a-f:]{0,9} [0-9]{0,21} ?/?[ -~]{0,9}") {
            let _ = Mapping::parse(line.as_bytes());
        }
    }
}
