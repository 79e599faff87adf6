//! As many context switches as the CPUs can make.

use std::time::Duration;

use anyhow::Result;
use geophone_test_support::cpus::online;
use geophone_test_support::load::schedule::Competition;
use geophone_test_support::oracle::schedule::switches;

use super::load::Load;

const TIME: Duration = Duration::from_secs(2);
/// For each CPU.
const THREADS: usize = 4;

/// Threads that give each other their CPU.
pub struct Switches(Competition);

impl Switches {
    pub fn new() -> Result<Self> {
        let mut load = Competition::new(0, 0)?;
        load.bustle(THREADS * online()?.len())?;
        Ok(Self(load))
    }
}

impl Load for Switches {
    fn what(&self) -> &'static str {
        "context switches"
    }

    fn unit(&self) -> &'static str {
        "switches"
    }

    fn work(&mut self) -> Result<u64> {
        let before = switches()?;
        self.0.run(TIME);
        Ok(switches()? - before)
    }
}
