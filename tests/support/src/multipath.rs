//! Request-based device mapper: a disk reached over several paths (`drivers/md/dm-mpath.c`).

use std::fs;

use anyhow::{Context, Result};

use crate::process::output;

/// A multipath device over one path; removed when dropped.
pub struct Multipath {
    label: String,
    name: String,
}

impl Multipath {
    /// Over the whole of `disk`, a kernel name.
    pub fn over(disk: &str) -> Result<Self> {
        let read = |file: &str| {
            let path = format!("/sys/block/{disk}/{file}");
            fs::read_to_string(&path).context(path)
        };
        let (size, number) = (read("size")?, read("dev")?);
        // No features, no handler; one group, the first to use, of one path.
        let table = format!(
            "0 {} multipath 0 0 1 1 round-robin 0 1 1 {} 1",
            size.trim(),
            number.trim()
        );
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

impl Drop for Multipath {
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
