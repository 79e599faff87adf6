//! What the kernel logs (`Documentation/ABI/testing/dev-kmsg`).

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::OpenOptionsExt as _;

use anyhow::{Context, Result};
use rustix::fs::OFlags;
use rustix::io::Errno;

const DEVICE: &str = "/dev/kmsg";

/// Longer than any record.
const LONGEST: usize = 8192;

/// The log from the moment on that it was opened.
pub struct KernelLog(File);

impl KernelLog {
    pub fn open() -> Result<Self> {
        let flags = OFlags::NONBLOCK.bits().cast_signed();
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(flags)
            .open(DEVICE);
        let mut file = file.context(DEVICE)?;
        file.seek(SeekFrom::End(0)).context(DEVICE)?;
        Ok(Self(file))
    }

    /// The messages since the last call, without their times.
    pub fn messages(&mut self) -> Result<Vec<String>> {
        let mut messages = Vec::new();
        let mut record = vec![0; LONGEST];
        loop {
            match self.0.read(&mut record) {
                Ok(length) => messages.push(message(&String::from_utf8_lossy(&record[..length]))),
                Err(error) if Errno::from_io_error(&error) == Some(Errno::AGAIN) => break,
                Err(error) => return Err(error).context(DEVICE),
            }
        }
        Ok(messages)
    }
}

/// What stands between the prefix and the dictionary of a record.
fn message(record: &str) -> String {
    let text = record.split_once(';').map_or(record, |(_, text)| text);
    text.lines().next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_no_prefix_and_no_dictionary() {
        let record = "4,339,5140900,-;NVRM: Xid (PCI:0000:00:01): 31; more\n SUBSYSTEM=pci\n";
        assert_eq!(message(record), "NVRM: Xid (PCI:0000:00:01): 31; more");
    }
}
