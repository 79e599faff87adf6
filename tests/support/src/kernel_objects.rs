//! The eBPF programs, maps and links that the kernel holds.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result};
use aya::maps::loaded_maps;
use aya::programs::{loaded_links, loaded_programs};

use crate::{process, wait};

/// Kernel-wide ids, by kind. Links to functions of libraries and to classic tracepoints that are
/// perf events have none.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct KernelObjects {
    pub programs: BTreeSet<u32>,
    pub maps: BTreeSet<u32>,
    pub links: BTreeSet<u32>,
}

impl KernelObjects {
    /// All that there are, by the kernel's own walk.
    pub fn loaded() -> Self {
        // One may go between the walk and the question about it: that is no error.
        Self {
            programs: loaded_programs().flatten().map(|it| it.id()).collect(),
            maps: loaded_maps().flatten().map(|it| it.id()).collect(),
            links: loaded_links().flatten().map(|it| it.id()).collect(),
        }
    }

    /// Those that process `pid` holds, by itself or through another of them.
    pub fn of_process(pid: u32) -> Result<Self> {
        Ok(Self {
            programs: process::held(pid, "prog_id:")?,
            maps: process::held(pid, "map_id:")?,
            links: process::held(pid, "link_id:")?,
        })
    }

    pub fn is_subset(&self, other: &Self) -> bool {
        self.without(other) == Self::default()
    }

    /// Those that are not among the others.
    #[must_use]
    pub fn without(&self, others: &Self) -> Self {
        Self {
            programs: &self.programs - &others.programs,
            maps: &self.maps - &others.maps,
            links: &self.links - &others.links,
        }
    }

    /// Waits until none of them is left. The kernel frees a program a grace period after its last
    /// reference is gone.
    pub fn freed(&self) -> Result<()> {
        let mut left = Self::default();
        wait::until(
            "the daemon's programs, maps and links to be freed",
            Duration::from_secs(5),
            || {
                left = self.without(&self.without(&Self::loaded()));
                Ok((left == Self::default()).then_some(()))
            },
        )
        .with_context(|| format!("left: {left:?}"))
    }
}
