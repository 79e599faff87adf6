//! A fork storm.

use anyhow::Result;
use geophone_test_support::cpus::online;
use geophone_test_support::load::forks::storm;

use super::load::Load;

const EACH: usize = 4000;

/// Two shells for each CPU that do nothing but fork.
pub struct Forks;

impl Load for Forks {
    fn what(&self) -> &'static str {
        "fork storm"
    }

    fn unit(&self) -> &'static str {
        "processes"
    }

    fn work(&mut self) -> Result<u64> {
        let shells = 2 * online()?.len();
        storm(shells, EACH)?;
        Ok((shells * EACH) as u64)
    }
}
