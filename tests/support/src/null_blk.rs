//! Disks without a medium (`drivers/block/null_blk`), made and taken away through configfs.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::mount::FileSystem;
use crate::wait;

const PATIENCE: Duration = Duration::from_secs(10);

/// A disk that exists only as long as this value does.
pub struct NullBlk {
    item: PathBuf,
    name: String,
    _file_system: FileSystem,
}

impl NullBlk {
    /// As many mebibytes, with so many queues for requests, or one for each CPU if that is less.
    pub fn new(mebibytes: usize, queues: usize) -> Result<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let file_system = FileSystem::of_kind("configfs")?;
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let given = format!("nulltest{number}");
        let item = file_system.path().join("nullb").join(&given);
        fs::create_dir(&item).with_context(|| item.display().to_string())?;
        let mut disk = Self {
            item,
            name: String::new(),
            _file_system: file_system,
        };
        disk.set("size", &mebibytes.to_string())?;
        disk.set("submit_queues", &queues.to_string())?;
        // Kernels that can poll have a queue more for that.
        if disk.item.join("poll_queues").exists() {
            disk.set("poll_queues", "0")?;
        }
        // Requests last as long as a timer's.
        disk.set("irqmode", "2")?;
        disk.come_back()?;
        // Older kernels number their disks, whatever the name given.
        disk.name = given;
        if !disk.directory().exists() {
            disk.name = format!("nullb{}", disk.get("index")?);
        }
        Ok(disk)
    }

    /// Its kernel name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it is in `/proc/partitions`.
    pub fn is_listed(&self) -> Result<bool> {
        let text = fs::read_to_string("/proc/partitions").context("/proc/partitions")?;
        let mut names = text
            .lines()
            .filter_map(|line| line.split_whitespace().last());
        Ok(names.any(|name| name == self.name))
    }

    pub fn path(&self) -> PathBuf {
        Path::new("/dev").join(&self.name)
    }

    /// The CPUs whose requests go to each of its queues.
    pub fn queues(&self) -> Result<Vec<Vec<usize>>> {
        let entries = fs::read_dir(self.directory().join("mq"))?;
        let cpus = |queue: PathBuf| {
            let text = fs::read_to_string(queue.join("cpu_list"))?;
            let numbers = text.trim().split(", ").map(str::parse);
            Ok(numbers.collect::<Result<_, _>>()?)
        };
        entries.map(|entry| cpus(entry?.path())).collect()
    }

    /// Requests for these sectors fail from now on.
    pub fn damage(&self, first: u64, last: u64) -> Result<()> {
        self.set("badblocks", &format!("+{first}-{last}"))
    }

    /// Takes the disk out of the system.
    pub fn disappear(&mut self) -> Result<()> {
        self.set("power", "0")
    }

    pub fn come_back(&mut self) -> Result<()> {
        self.set("power", "1")
    }

    fn directory(&self) -> PathBuf {
        Path::new("/sys/block").join(&self.name)
    }

    fn get(&self, attribute: &str) -> Result<String> {
        let path = self.item.join(attribute);
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        Ok(text.trim().to_owned())
    }

    fn set(&self, attribute: &str, value: &str) -> Result<()> {
        let path = self.item.join(attribute);
        fs::write(&path, value).with_context(|| format!("{} = {value}", path.display()))
    }
}

impl Drop for NullBlk {
    fn drop(&mut self) {
        // The module may be asked to go when the last of its disks is.
        let removed = wait::until("the disk to go", PATIENCE, || {
            Ok(fs::remove_dir(&self.item).ok())
        });
        if let Err(error) = removed {
            eprintln!("left behind: {}: {error:#}", self.item.display());
        }
    }
}
