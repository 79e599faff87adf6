//! The simulated SCSI disk of `drivers/scsi/scsi_debug.c`, which fails as it is told to.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::wait;

const DRIVER: &str = "/sys/bus/pseudo/drivers/scsi_debug";

/// The disk of the module that is loaded.
pub struct ScsiDebug {
    name: String,
}

/// What it does to a command.
#[derive(Debug, Clone, Copy)]
pub enum Fault {
    /// Finds the sectors [`ScsiDebug::BAD`] unreadable.
    Medium,
    /// Breaks off every nth command with an error of the transport, which the kernel answers by
    /// sending it again.
    Transport(u32),
    /// Finds the protection information of every nth command wrong.
    Protection(u32),
}

/// Faults until dropped.
pub struct Injection;

impl ScsiDebug {
    /// First and last of the sectors that can be unreadable (`OPT_MEDIUM_ERR_ADDR`).
    pub const BAD: (u64, u64) = (0x1234, 0x123d);

    /// Waits until the module's disk is there: the kernel looks for it in the background.
    pub fn find() -> Result<Self> {
        let disk = || Ok(descend(Path::new(DRIVER), &["adapter", "host", "target"]));
        wait::until("the disk of scsi_debug", Duration::from_secs(20), disk)
            .map(|name| Self { name })
    }

    /// Its kernel name.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn path(&self) -> PathBuf {
        PathBuf::from("/dev").join(&self.name)
    }

    /// Makes it fail.
    pub fn inject(&self, fault: Fault) -> Result<Injection> {
        // SDEBUG_OPT_MEDIUM_ERR, SDEBUG_OPT_TRANSPORT_ERR, SDEBUG_OPT_DIF_ERR
        let (option, every) = match fault {
            Fault::Medium => (2, 1),
            Fault::Transport(every) => (16, every),
            Fault::Protection(every) => (32, every),
        };
        set(option, every)?;
        Ok(Injection)
    }

    /// Commands that the kernel has sent to it, those that it sent again included
    /// (`iorequest_cnt`).
    pub fn commands(&self) -> Result<u64> {
        let path = format!("/sys/block/{}/device/iorequest_cnt", self.name);
        let text = fs::read_to_string(&path).with_context(|| path.clone())?;
        let digits = text.trim().trim_start_matches("0x");
        u64::from_str_radix(digits, 16).with_context(|| format!("{path}: {text}"))
    }
}

impl Drop for Injection {
    fn drop(&mut self) {
        if let Err(error) = set(0, 0) {
            eprintln!("left behind: a disk with faults: {error:#}");
        }
    }
}

fn set(options: u32, every: u32) -> Result<()> {
    for (file, value) in [("opts", options), ("every_nth", every)] {
        let path = Path::new(DRIVER).join(file);
        fs::write(&path, value.to_string()).with_context(|| path.display().to_string())?;
    }
    Ok(())
}

/// Follows the directories that begin with these words, then the device with a `block` directory.
fn descend(directory: &Path, words: &[&str]) -> Option<String> {
    let entries = || fs::read_dir(directory).into_iter().flatten().flatten();
    let Some((word, rest)) = words.split_first() else {
        let disks = entries().flat_map(|device| fs::read_dir(device.path().join("block")));
        let mut names = disks.flatten().flatten().map(|disk| disk.file_name());
        return names.next()?.into_string().ok();
    };
    let matches = |name: &str| name.starts_with(word);
    entries()
        .filter(|entry| entry.file_name().to_str().is_some_and(matches))
        .find_map(|entry| descend(&entry.path(), rest))
}
