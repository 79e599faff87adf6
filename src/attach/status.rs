use std::collections::{BTreeMap, BTreeSet};
use std::ops::AddAssign;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::discover::{Candidate, Candidates, Discovered};
use crate::introspect::{Families, LIBRARY_FILES, LIBRARY_PROBES};

/// What is attached of a module to functions of libraries, and who uses them: written by the
/// thread that attaches, read at sweeps.
#[derive(Debug, Clone, Default)]
pub struct Status(Arc<Mutex<Attachments>>);

#[derive(Debug, Default)]
pub struct Attachments {
    /// Programs that are at a function of some file.
    pub programs: BTreeSet<String>,
    pub workloads: Vec<Discovered>,
    /// How many workloads more there are, which there was no room for.
    pub unseen: u64,
    /// The workload's number of each process.
    pub members: Arc<BTreeMap<u32, u32>>,
    /// By name: how many files of it, and at how many places.
    pub libraries: BTreeMap<String, (usize, Places)>,
    /// Why the last file that could not be attached to could not; empty if all could.
    pub complaint: String,
    /// Files and places of its libraries that do not answer now, said for people.
    pub unanswered: Vec<String>,
}

/// How many functions a program is at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Places {
    /// At instructions that the kernel emulates.
    pub fast: u64,
    /// At instructions that it has to step through.
    pub slow: u64,
}

impl AddAssign for Places {
    fn add_assign(&mut self, other: Self) {
        self.fast += other.fast;
        self.slow += other.slow;
    }
}

impl Status {
    /// No step under the lock leaves it half changed, so a poisoned one is whole.
    pub fn lock(&self) -> MutexGuard<'_, Attachments> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says what is attached of each library.
    pub fn introspect(&self, module: &str, families: &mut Families) {
        for (library, (files, places)) in &self.lock().libraries {
            families.gauge(&LIBRARY_FILES, &[module, library], *files as f64);
            for (placement, probes) in [("fast", places.fast), ("slow", places.slow)] {
                let labels = [module, library, placement];
                families.gauge(&LIBRARY_PROBES, &labels, probes as f64);
            }
        }
    }

    /// Whether a program is at any function.
    pub fn is_attached(&self, program: &str) -> bool {
        self.lock().programs.contains(program)
    }

    /// Those that have an admitted label.
    pub fn workloads(&self, admits: &dyn Fn(&str) -> bool) -> Candidates {
        let (all, unseen) = {
            let attachments = self.lock();
            (attachments.workloads.clone(), attachments.unseen)
        };
        let admitted = all.into_iter().filter(|it| admits(it.label()));
        // Those that are known longest come first.
        let things = admitted.map(|thing| Candidate {
            rank: thing.id,
            thing,
        });
        Candidates {
            things: things.collect(),
            // Those that the configuration leaves out among them: their names are not kept.
            unseen,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn workloads_without_room_are_among_those_that_exist() {
        let status = Status::default();
        let workloads = vec![Discovered::new("a", 0), Discovered::new("b", 1)];
        status.lock().workloads = workloads;
        status.lock().unseen = 3;
        let found = status.workloads(&|label| label == "b");
        assert_eq!((found.things.len(), found.unseen), (1, 3));
    }
}
