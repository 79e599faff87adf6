//! Reading files that a person names. A pipe, a terminal or a device in their place would
//! keep every command waiting, or never end.

use std::fs::OpenOptions;
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// Far above the largest of them, a kernel's type information (about 5 MiB).
const MAX_BYTES: u64 = 64 << 20;

/// What is in a regular file of bounded size.
///
/// # Errors
///
/// It cannot be read, is not a regular file, or is too large.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    read_at_most(path, MAX_BYTES)
}

/// The same, as text.
///
/// # Errors
///
/// As of [`read`], or it is not UTF-8.
pub fn read_to_string(path: &Path) -> io::Result<String> {
    String::from_utf8(read(path)?).map_err(|_| unfit("it is not UTF-8 text".to_owned()))
}

fn read_at_most(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    // A pipe that nobody writes to is opened at once, and then refused.
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(path)?;
    if !file.metadata()?.is_file() {
        return Err(unfit("it is not a regular file".to_owned()));
    }
    let mut bytes = Vec::new();
    // One more than allowed: the size that the kernel tells may be outdated, or 0 in /proc.
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length <= limit) {
        Ok(bytes)
    } else {
        Err(unfit(format!("it is larger than {limit} bytes")))
    }
}

fn unfit(why: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, why)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::fs;
    use std::process::Command;

    use super::*;

    #[test]
    fn a_file_is_read_up_to_the_limit() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        fs::write(&path, "abcd").unwrap();
        assert_eq!(read_at_most(&path, 4).unwrap(), b"abcd");
        let error = read_at_most(&path, 3).unwrap_err();
        assert_eq!(error.to_string(), "it is larger than 3 bytes");
        fs::write(&path, b"\xff").unwrap();
        let error = read_to_string(&path).unwrap_err();
        assert_eq!(error.to_string(), "it is not UTF-8 text");
    }

    #[test]
    fn what_is_no_regular_file_is_refused_at_once() {
        let directory = tempfile::tempdir().unwrap();
        let pipe = directory.path().join("pipe");
        assert!(
            Command::new("mkfifo")
                .arg(&pipe)
                .status()
                .unwrap()
                .success()
        );
        for path in [&*pipe, Path::new("/dev/zero"), directory.path()] {
            let error = read(path).unwrap_err();
            assert_eq!(error.to_string(), "it is not a regular file", "{path:?}");
        }
        let error = read(&directory.path().join("absent")).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
