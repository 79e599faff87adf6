//! `/proc/diskstats` (`Documentation/admin-guide/iostats.rst`).

use std::fs;

use anyhow::{Context, Result};

/// `/proc/diskstats` counts in sectors of this size whatever the device's own.
const SECTOR: u64 = 512;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Direction {
    pub requests: u64,
    pub bytes: u64,
    pub milliseconds: u64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Disk {
    pub read: Direction,
    pub write: Direction,
}

impl Disk {
    /// The counters of `device`, a kernel name such as `loop0`.
    pub fn read(device: &str) -> Result<Self> {
        let text = fs::read_to_string("/proc/diskstats").context("/proc/diskstats")?;
        Self::parse(&text, device).with_context(|| format!("{device} is not in /proc/diskstats"))
    }

    fn parse(text: &str, device: &str) -> Option<Self> {
        let fields = text
            .lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>())
            .find(|fields| fields.get(2) == Some(&device))?;
        let direction = |first: usize| {
            let field = |at: usize| fields.get(first + at)?.parse::<u64>().ok();
            // The second field counts requests merged into others, which never complete.
            Some(Direction {
                requests: field(0)?,
                bytes: field(2)? * SECTOR,
                milliseconds: field(3)?,
            })
        };
        Some(Self {
            read: direction(3)?,
            write: direction(7)?,
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_found_by_its_whole_name() {
        let text = "   7      10 loop10 1 0 2 3 4 5 6 7 0 8 9 0 0 0 0 1 2\n\
                    \x20  7       1 loop1 11 0 12 13 14 15 16 17 0 18 19 0 0 0 0 1 2\n";
        let disk = Disk::parse(text, "loop1").unwrap();
        assert_eq!(
            disk.read,
            Direction {
                requests: 11,
                bytes: 12 * 512,
                milliseconds: 13
            }
        );
        assert_eq!(
            disk.write,
            Direction {
                requests: 14,
                bytes: 16 * 512,
                milliseconds: 17
            }
        );
        assert_eq!(Disk::parse(text, "loop"), None);
    }
}
