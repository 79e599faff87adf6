//! The `newc` archive that the kernel unpacks into its first file system
//! (`Documentation/driver-api/early-userspace/buffer-format.rst`).

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::{Context as _, Result};

const DIRECTORY: u32 = 0o040_755;
const FILE: u32 = 0o100_000;
const LINK: u32 = 0o120_777;
const PROGRAM: u32 = FILE | 0o755;

#[derive(Default)]
pub struct Archive {
    bytes: Vec<u8>,
    directories: BTreeSet<String>,
    entries: u32,
}

impl Archive {
    /// Adds directory `path`, relative to the root, and those above it.
    pub fn directory(&mut self, path: &str) {
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        for depth in 1..=parts.len() {
            let name = parts[..depth].join("/");
            if self.directories.insert(name.clone()) {
                self.entry(&name, DIRECTORY, &[]);
            }
        }
    }

    /// Adds program `path` and the directories above it.
    pub fn file(&mut self, path: &str, contents: &[u8]) {
        self.add(path, PROGRAM, contents);
    }

    /// Adds file `path`, which is no program, and the directories above it.
    pub fn text(&mut self, path: &str, contents: &[u8]) {
        self.add(path, FILE | 0o644, contents);
    }

    /// Adds what is in `root` but for the directories of these paths in it.
    pub fn tree(&mut self, root: &Path, without: &[&str]) -> Result<()> {
        let mut pending = vec![String::new()];
        while let Some(directory) = pending.pop() {
            self.directory(&directory);
            for entry in fs::read_dir(root.join(&directory))? {
                let entry = entry?;
                let name = entry.file_name();
                let name = name.to_str().context("a name that is no text")?;
                let path = format!("{directory}/{name}");
                let path = path.trim_start_matches('/');
                let kind = entry.file_type()?;
                if kind.is_symlink() {
                    let target = fs::read_link(entry.path())?;
                    self.add(path, LINK, target.as_os_str().as_bytes());
                } else if kind.is_file() {
                    let mode = FILE | (entry.metadata()?.permissions().mode() & 0o7777);
                    self.add(path, mode, &fs::read(entry.path())?);
                } else if !without.contains(&path) {
                    pending.push(path.to_owned());
                }
            }
        }
        Ok(())
    }

    fn add(&mut self, path: &str, mode: u32, contents: &[u8]) {
        let path = path.trim_start_matches('/');
        if let Some(parent) = Path::new(path).parent().and_then(Path::to_str) {
            self.directory(parent);
        }
        self.entry(path, mode, contents);
    }

    pub fn finish(mut self) -> Vec<u8> {
        self.entry("TRAILER!!!", 0, &[]);
        self.bytes
    }

    fn entry(&mut self, name: &str, mode: u32, contents: &[u8]) {
        self.entries += 1;
        let size = u32::try_from(contents.len()).unwrap_or(u32::MAX);
        let length = u32::try_from(name.len() + 1).unwrap_or(u32::MAX);
        // inode, mode, uid, gid, links, time, size, device, rdevice, name's length, checksum
        let fields = [self.entries, mode, 0, 0, 1, 0, size, 0, 0, 0, 0, length, 0];
        self.bytes.extend_from_slice(b"070701");
        for field in fields {
            self.bytes
                .extend_from_slice(format!("{field:08x}").as_bytes());
        }
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.push(0);
        self.align();
        self.bytes.extend_from_slice(contents);
        self.align();
    }

    fn align(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_aligned_and_directories_come_once_and_first() {
        let mut archive = Archive::default();
        archive.file("/usr/lib/a", b"12345");
        archive.file("usr/lib/b", b"");
        let bytes = archive.finish();
        assert_eq!(bytes.len() % 4, 0);
        let text = String::from_utf8_lossy(&bytes);
        let headers: Vec<usize> = text.match_indices("070701").map(|(at, _)| at).collect();
        assert!(headers.iter().all(|at| at % 4 == 0));
        let names = headers.iter().map(|at| {
            let name = &text[at + 110..];
            name.split('\0').next().unwrap_or_default().to_owned()
        });
        let names: Vec<String> = names.collect();
        assert_eq!(
            names,
            ["usr", "usr/lib", "usr/lib/a", "usr/lib/b", "TRAILER!!!"]
        );
    }

    #[test]
    fn a_tree_is_packed_with_its_links_and_modes() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("usr/bin")).unwrap();
        fs::create_dir_all(root.path().join("usr/doc/a")).unwrap();
        let program = root.path().join("usr/bin/true");
        fs::write(&program, "exit").unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o4755)).unwrap();
        std::os::unix::fs::symlink("usr/bin", root.path().join("bin")).unwrap();
        let mut archive = Archive::default();
        archive.tree(root.path(), &["usr/doc"]).unwrap();
        let bytes = archive.finish();
        let text = String::from_utf8_lossy(&bytes);
        let mode = |name: &str| {
            let at = text.find(&format!("{name}\0")).unwrap();
            u32::from_str_radix(&text[at - 110 + 14..at - 110 + 22], 16).unwrap()
        };
        assert_eq!(mode("usr/bin/true"), 0o104_755);
        assert_eq!(mode("bin"), 0o120_777);
        assert_eq!(mode("usr"), 0o040_755);
        assert!(text.contains("exit") && !text.contains("doc"), "{text}");
    }
}
