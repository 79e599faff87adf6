//! How many files this process may have open.

use anyhow::{Result, ensure};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Sees to it that `count` are allowed.
///
/// # Errors
///
/// The hard limit is lower.
pub fn allow(count: u64) -> Result<()> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    ensure!(
        maximum.is_none_or(|most| most >= count),
        "{count} open files are needed, and ulimit -Hn is lower"
    );
    let current = current.map(|current| current.max(count));
    Ok(setrlimit(Resource::Nofile, Rlimit { current, maximum })?)
}
