//! Software RAID (`drivers/md/md.c`), put together through sysfs (`Documentation/admin-guide/md.rst`).

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::wait;

const NEW: &str = "/sys/module/md_mod/parameters/new_array";
const PATIENCE: Duration = Duration::from_secs(10);

/// Other arrays have smaller numbers.
const NUMBER: u32 = 77;
const CHUNK: usize = 64 << 10;

/// An array that stripes its members, without a superblock; stopped when dropped.
pub struct Stripes {
    name: String,
}

impl Stripes {
    /// Over the whole of `members`, kernel names of disks of one size.
    pub fn over(members: &[&str]) -> Result<Self> {
        let name = format!("md{NUMBER}");
        fs::write(NEW, &name).with_context(|| format!("{NEW} = {name}"))?;
        let array = Self { name };
        array.set("metadata_version", "none")?;
        array.set("level", "raid0")?;
        array.set("chunk_size", &CHUNK.to_string())?;
        array.set("raid_disks", &members.len().to_string())?;
        for (slot, member) in members.iter().enumerate() {
            let read = |file: &str| {
                let path = format!("/sys/block/{member}/{file}");
                fs::read_to_string(&path).context(path)
            };
            array.set("new_dev", read("dev")?.trim())?;
            let sectors: usize = read("size")?.trim().parse()?;
            array.set(&format!("dev-{member}/size"), &(sectors / 2).to_string())?;
            array.set(&format!("dev-{member}/slot"), &slot.to_string())?;
        }
        array.set("array_state", "active")?;
        let path = Path::new("/dev").join(&array.name);
        // Who opens it first has the kernel look for partitions.
        wait::until("the array's node", PATIENCE, || Ok(File::open(&path).ok()))?;
        Ok(array)
    }

    /// Its kernel name.
    pub fn name(&self) -> &str {
        &self.name
    }

    fn set(&self, attribute: &str, value: &str) -> Result<()> {
        let path = self.directory().join(attribute);
        fs::write(&path, value).with_context(|| format!("{} = {value}", path.display()))
    }

    fn directory(&self) -> PathBuf {
        Path::new("/sys/block").join(&self.name).join("md")
    }
}

impl Drop for Stripes {
    fn drop(&mut self) {
        // Busy until the last user of the node has closed it.
        let stopped = wait::until("the array to be unused", PATIENCE, || {
            Ok(self.set("array_state", "clear").ok())
        });
        if let Err(error) = stopped {
            eprintln!("left behind: {}: {error:#}", self.name);
        }
    }
}
