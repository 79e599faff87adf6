//! Volumes of device mapper (`drivers/md/dm.c`).

use std::fs;

use anyhow::{Context, Result};

use crate::process::output;

/// A volume; removed when dropped.
pub struct Mapped {
    label: String,
    name: String,
}

impl Mapped {
    /// The whole of `disk`, a kernel name, reached over one path: request-based
    /// (`drivers/md/dm-mpath.c`).
    pub fn multipath(disk: &str) -> Result<Self> {
        // No features, no handler; one group, the first to use, of one path.
        Self::over(disk, |number| {
            format!("multipath 0 0 1 1 round-robin 0 1 1 {number} 1")
        })
    }

    /// The whole of `disk`, a kernel name, as it is: bio-based (`drivers/md/dm-linear.c`).
    pub fn linear(disk: &str) -> Result<Self> {
        Self::over(disk, |number| format!("linear {number} 0"))
    }

    /// `target` is made of the disk's number.
    fn over(disk: &str, target: impl Fn(&str) -> String) -> Result<Self> {
        let read = |file: &str| {
            let path = format!("/sys/block/{disk}/{file}");
            fs::read_to_string(&path).context(path)
        };
        let (size, number) = (read("size")?, read("dev")?);
        let table = format!("0 {} {}", size.trim(), target(number.trim()));
        let label = format!("geophone-test-{}", std::process::id());
        dmsetup(&[
            "create",
            "--noudevrules",
            "--noudevsync",
            &label,
            "--table",
            &table,
        ])?;
        let mut device = Self {
            label,
            name: String::new(),
        };
        let columns = ["info", "--columns", "--noheadings", "--options", "minor"];
        let minor = dmsetup(&[&columns[..], &[&device.label]].concat())?;
        device.name = format!("dm-{}", minor.trim());
        Ok(device)
    }

    /// Its kernel name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for Mapped {
    fn drop(&mut self) {
        let removed = dmsetup(&[
            "remove",
            "--retry",
            "--noudevrules",
            "--noudevsync",
            &self.label,
        ]);
        if let Err(error) = removed {
            eprintln!("left behind: {error:#}");
        }
    }
}

fn dmsetup(arguments: &[&str]) -> Result<String> {
    output("dmsetup", arguments)
}
