//! How many files a process may have open.

use anyhow::{Result, ensure};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises this process's own limit to `count`.
pub fn allow(count: u64) -> Result<()> {
    let maximum = getrlimit(Resource::Nofile).maximum;
    ensure!(
        maximum.is_none_or(|most| most >= count),
        "{count} open files are needed, and ulimit -Hn is lower"
    );
    let limit = Rlimit {
        current: Some(count),
        maximum,
    };
    Ok(setrlimit(Resource::Nofile, limit)?)
}
