//! The nodes of the driver's devices, and requests to them.

use std::ffi::c_void;
use std::fs::{self, File, OpenOptions};

use anyhow::{Context, Result};
use rustix::fs::{CWD, FileType, Mode, makedev, mknodat};
use rustix::io::Errno;
use rustix::ioctl::{Ioctl, IoctlOutput, Opcode, ioctl};

/// A node of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Node {
    /// The first GPU.
    Gpu,
    Control,
    /// Of the driver that sets modes, which is another one.
    Modeset,
    /// Of unified memory.
    Uvm,
}

/// An open node.
pub struct Open(File);

impl Open {
    /// Makes the same request `count` times; each succeeds, and does nothing.
    #[allow(unsafe_code, reason = "the driver has no other interface")]
    pub fn requests(&self, request: u32, count: u32) -> Result<()> {
        for _ in 0..count {
            // SAFETY: the stubs look at no argument.
            unsafe { ioctl(&self.0, Request(request)) }.context("a request to the driver")?;
        }
        Ok(())
    }
}

impl Node {
    pub(super) const ALL: [Self; 4] = [Self::Gpu, Self::Control, Self::Modeset, Self::Uvm];

    fn path(self) -> &'static str {
        match self {
            Self::Gpu => "/dev/nvidia0",
            Self::Control => "/dev/nvidiactl",
            Self::Modeset => "/dev/nvidia-modeset",
            Self::Uvm => "/dev/nvidia-uvm",
        }
    }

    pub(super) fn make(self) -> Result<()> {
        let (major, minor) = match self {
            Self::Gpu => (major("nvidia")?, 0),
            Self::Control => (major("nvidia")?, 255),
            Self::Modeset => (major("nvidia")?, 254),
            Self::Uvm => (major("nvidia-uvm")?, 0),
        };
        let mode = Mode::from_raw_mode(0o666);
        let device = makedev(major, minor);
        mknodat(CWD, self.path(), FileType::CharacterDevice, mode, device).context(self.path())
    }

    pub(super) fn remove(self) {
        fs::remove_file(self.path()).ok();
    }

    pub(super) fn open(self) -> Result<Open> {
        let file = OpenOptions::new().read(true).write(true).open(self.path());
        file.context(self.path()).map(Open)
    }
}

/// A request whose number is known only when it is made, with no argument.
struct Request(u32);

#[allow(
    unsafe_code,
    reason = "the crate's requests are known as it is compiled"
)]
// SAFETY: its argument is a null pointer, and nothing is read back.
unsafe impl Ioctl for Request {
    type Output = ();

    const IS_MUTATING: bool = false;

    fn opcode(&self) -> Opcode {
        self.0
    }

    fn as_ptr(&mut self) -> *mut c_void {
        std::ptr::null_mut()
    }

    unsafe fn output_from_ptr(_: IoctlOutput, _: *mut c_void) -> Result<(), Errno> {
        Ok(())
    }
}

fn major(name: &str) -> Result<u32> {
    let devices = fs::read_to_string("/proc/devices").context("/proc/devices")?;
    number(&devices, name).with_context(|| format!("/proc/devices has no {name}"))
}

/// The character device of this name in the text of `/proc/devices`.
fn number(devices: &str, name: &str) -> Option<u32> {
    let characters = devices.split("Block devices:").next()?;
    let mut lines = characters
        .lines()
        .filter_map(|line| line.trim().split_once(' '));
    let (number, _) = lines.find(|(_, other)| *other == name)?;
    number.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_found_by_the_whole_name() {
        let devices = "Character devices:\n  1 mem\n195 nvidia\n511 nvidia-uvm\n\n\
                       Block devices:\n  7 loop\n";
        assert_eq!(number(devices, "nvidia"), Some(195));
        assert_eq!(number(devices, "nvidia-uvm"), Some(511));
        assert_eq!(number(devices, "loop"), None);
    }
}
