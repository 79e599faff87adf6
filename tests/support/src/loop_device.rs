//! Loop devices (`drivers/block/loop.c`), over a temporary file.

use std::fs::{File, OpenOptions};
use std::os::fd::{AsFd, AsRawFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::io::Errno;
use rustix::ioctl::{IntegerSetter, Opcode, ioctl};

use crate::wait;

// include/uapi/linux/loop.h
const LOOP_SET_FD: Opcode = 0x4C00;
const LOOP_CLR_FD: Opcode = 0x4C01;
const LOOP_CTL_ADD: Opcode = 0x4C80;
const LOOP_CTL_REMOVE: Opcode = 0x4C81;

/// Numbers from here on are ours: others take the first that is free.
const FIRST: u32 = 770;

/// `/dev/loopN`, which exists only as long as this value does.
pub struct LoopDevice {
    number: u32,
    size: u64,
    /// Where the file is.
    directory: PathBuf,
    /// Held so that the device lives on while it is detached.
    device: Option<(File, File)>,
}

impl LoopDevice {
    /// Adds a new device of `size` bytes to the system.
    pub fn new(size: u64) -> Result<Self> {
        Self::within(&std::env::temp_dir(), size)
    }

    /// As [`Self::new`], over a file in `directory`, which need not have room for all of it.
    pub fn within(directory: &Path, size: u64) -> Result<Self> {
        let control = control()?;
        let number = (FIRST..FIRST + 100)
            .find(|number| integer::<LOOP_CTL_ADD>(&control, *number).is_ok())
            .context("no number is left for a loop device")?;
        let mut device = Self {
            number,
            size,
            directory: directory.to_owned(),
            device: None,
        };
        device.attach()?;
        Ok(device)
    }

    /// Its kernel name.
    pub fn name(&self) -> String {
        format!("loop{}", self.number)
    }

    pub fn path(&self) -> PathBuf {
        PathBuf::from("/dev").join(self.name())
    }

    pub fn size(&self) -> u64 {
        self.size
    }

    /// Takes the device out of the system; its name can come back with [`Self::come_back`].
    pub fn disappear(&mut self) -> Result<()> {
        if let Some((device, _)) = self.device.take() {
            integer::<LOOP_CLR_FD>(&device, 0)?;
        }
        let control = control()?;
        // Busy until the last user of the node, which may be udev, has closed it.
        wait::until(
            "the loop device to be unused",
            Duration::from_secs(10),
            || match integer::<LOOP_CTL_REMOVE>(&control, self.number) {
                Ok(()) => Ok(Some(())),
                Err(Errno::BUSY) => Ok(None),
                Err(error) => Err(error.into()),
            },
        )
    }

    pub fn come_back(&mut self) -> Result<()> {
        integer::<LOOP_CTL_ADD>(control()?, self.number)?;
        self.attach()
    }

    fn attach(&mut self) -> Result<()> {
        let backing = tempfile::tempfile_in(&self.directory)?;
        backing.set_len(self.size)?;
        let path = self.path();
        let device = wait::until("the loop device's node", Duration::from_secs(10), || {
            Ok(OpenOptions::new().read(true).write(true).open(&path).ok())
        })?;
        let descriptor = u32::try_from(backing.as_raw_fd())?;
        integer::<LOOP_SET_FD>(&device, descriptor)?;
        self.device = Some((device, backing));
        Ok(())
    }
}

impl Drop for LoopDevice {
    fn drop(&mut self) {
        match self.disappear() {
            // Gone already, by the test's own doing.
            Ok(()) => {}
            Err(error) if error.downcast_ref() == Some(&Errno::NODEV) => {}
            Err(error) => eprintln!("left behind: {}: {error:#}", self.name()),
        }
    }
}

fn control() -> Result<File> {
    let path = "/dev/loop-control";
    OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)
        .context(path)
}

/// An ioctl of the loop driver whose argument is a plain integer.
#[allow(unsafe_code, reason = "the driver has no other interface")]
fn integer<const REQUEST: Opcode>(file: impl AsFd, value: u32) -> Result<(), Errno> {
    // SAFETY: the four requests above take an integer by value and write nothing to user
    // memory, so there is no pointer that could be wrong.
    unsafe { ioctl(file, IntegerSetter::<REQUEST>::new_usize(value as usize)) }
}
