use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::discover::{Candidate, Candidates, Discover, DiscoverError, Discovered};

/// What is attached of a module to functions of libraries, and who uses them: written by the
/// thread that attaches, read at sweeps.
#[derive(Debug, Clone, Default)]
pub struct Status(Arc<Mutex<Attachments>>);

#[derive(Debug, Default)]
pub struct Attachments {
    /// Programs that are at a function of some file.
    pub programs: BTreeSet<String>,
    pub workloads: Vec<Discovered>,
    /// The workload's number of each process.
    pub members: Arc<BTreeMap<u32, u32>>,
    /// Why the last file that could not be attached to could not; empty if all could.
    pub complaint: String,
}

/// How many functions a program is at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Places {
    /// At instructions that the kernel emulates.
    pub fast: u64,
    /// At instructions that it has to step through.
    pub slow: u64,
}

impl std::iter::Sum for Places {
    fn sum<I: Iterator<Item = Self>>(places: I) -> Self {
        places.fold(Self::default(), |sum, each| Self {
            fast: sum.fast + each.fast,
            slow: sum.slow + each.slow,
        })
    }
}

impl Status {
    /// No step under the lock leaves it half changed, so a poisoned one is whole.
    pub fn lock(&self) -> MutexGuard<'_, Attachments> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a program is at any function.
    pub fn is_attached(&self, program: &str) -> bool {
        self.lock().programs.contains(program)
    }
}

impl Discover for Status {
    fn discover(
        &mut self,
        _: &[Discovered],
        admits: &dyn Fn(&str) -> bool,
    ) -> Result<Candidates, DiscoverError> {
        let all = self.lock().workloads.clone();
        let admitted = all.into_iter().filter(|it| admits(it.label()));
        // Those that are known longest come first.
        let things = admitted.map(|thing| Candidate {
            rank: thing.id,
            thing,
        });
        Ok(Candidates {
            things: things.collect(),
            unseen: 0,
        })
    }
}
