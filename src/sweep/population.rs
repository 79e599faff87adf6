use std::collections::BTreeMap;
use std::sync::Arc;

use thiserror::Error;

use super::seen::Seen;
use crate::attach::Status;
use crate::discover::{Admit, Apart, Candidates, Chosen, DiscoverError, Discovered};
use crate::kernel::{MapError, MapHandle};

/// Who tells what exists.
pub enum Source {
    /// The machine.
    Found(Apart),
    /// Whoever attaches to libraries, of those that use them.
    Attached(Status),
    /// The programs.
    Seen(Box<Seen>),
}

/// Why a population is as it was before.
#[derive(Debug, Error)]
pub enum RefreshError {
    #[error(transparent)]
    Discover(#[from] DiscoverError),
    #[error(transparent)]
    Map(#[from] MapError),
}

/// The values that the labels of one key have on this machine, as of the last discovery.
pub struct Population {
    /// The label, or several with commas.
    pub label: String,
    source: Source,
    admit: Arc<Admit>,
    /// How many there is room for in every map that is keyed by it.
    limit: usize,
    chosen: Chosen,
    /// Things beyond what a discovery looks at.
    unseen: u64,
    /// Things that found no place, each counted when it appeared.
    pub left_out: u64,
    pub errors: u64,
    /// Why the last look failed; empty if it did not.
    pub failure: String,
}

impl Population {
    pub fn new(label: &str, source: Source, admit: Arc<Admit>, limit: usize) -> Self {
        Self {
            label: label.to_owned(),
            source,
            admit,
            limit,
            chosen: Chosen::default(),
            unseen: 0,
            left_out: 0,
            errors: 0,
            failure: String::new(),
        }
    }

    /// Those that have a place, by label.
    pub fn things(&self) -> &[Discovered] {
        &self.chosen.things
    }

    /// Takes the maps of the loaded module, before anything else.
    ///
    /// # Errors
    ///
    /// The process has no descriptor left.
    pub fn open(&mut self, maps: &BTreeMap<String, MapHandle>) -> Result<(), MapError> {
        match &mut self.source {
            Source::Found(_) | Source::Attached(_) => Ok(()),
            Source::Seen(seen) => seen.open(maps),
        }
    }

    /// Looks again. Keeps what was known when that fails, so that a passing failure does not
    /// take series away.
    ///
    /// # Errors
    ///
    /// The kernel's list cannot be read.
    pub fn refresh(&mut self) -> Result<(), RefreshError> {
        match self.look() {
            Ok(found) => {
                let unseen = found.unseen;
                let chosen = found.choose(&self.chosen.things, self.limit);
                let appeared = chosen.left_out.difference(&self.chosen.left_out).count();
                self.left_out += appeared as u64 + unseen.saturating_sub(self.unseen);
                self.unseen = unseen;
                self.chosen = chosen;
                self.failure.clear();
                Ok(())
            }
            Err(error) => {
                self.errors += 1;
                self.failure = format!("{}: {error}", self.label);
                Err(error)
            }
        }
    }

    /// Tells the programs who has entries now.
    ///
    /// # Errors
    ///
    /// The first refusal of the kernel.
    pub fn settle(&mut self) -> Result<(), MapError> {
        match &mut self.source {
            Source::Found(_) | Source::Attached(_) => Ok(()),
            Source::Seen(seen) => seen.settle(&self.chosen.things),
        }
    }

    fn look(&mut self) -> Result<Candidates, RefreshError> {
        let admit = &self.admit;
        Ok(match &mut self.source {
            Source::Found(discovery) => discovery.discover(&self.chosen.things, admit)?,
            Source::Attached(status) => status.workloads(&|label| admit(0, label)),
            Source::Seen(seen) => seen.look(&**admit)?,
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::discover::{Candidate, Discover};

    /// What exists, as the test says.
    #[derive(Clone, Default)]
    struct Machine(Arc<Mutex<Candidates>>);

    impl Machine {
        /// Things whose number is the place of their label in the alphabet.
        fn set(&self, labels: &str, unseen: u64) {
            let things = labels.char_indices().map(|(_, label)| Candidate {
                thing: Discovered::new(label.to_string(), label.into()),
                rank: 0,
            });
            *self.0.lock().unwrap() = Candidates {
                things: things.collect(),
                unseen,
            };
        }
    }

    impl Discover for Machine {
        fn place(&self) -> String {
            String::new()
        }

        fn discover(
            &mut self,
            _: &[Discovered],
            _: &dyn Fn(&str) -> bool,
        ) -> Result<Candidates, DiscoverError> {
            Ok(self.0.lock().unwrap().clone())
        }
    }

    #[test]
    fn places_are_kept_and_each_thing_without_one_is_counted_once() {
        let machine = Machine::default();
        let admit = Arc::new(|_: usize, _: &str| true);
        let source = Source::Found(Apart::new(Box::new(machine.clone())));
        let mut population = Population::new("device", source, admit, 2);
        // What exists, how much more, who has a place, how many were left out so far.
        for (exists, unseen, placed, left_out) in [
            ("cd", 0, "cd", 0),
            ("abcd", 0, "cd", 2),
            ("abcd", 0, "cd", 2),
            // Another in the place of one that was left out.
            ("acde", 0, "cd", 3),
            ("ade", 0, "ad", 3),
            ("ade", 4, "ad", 7),
            ("ade", 4, "ad", 7),
            ("ade", 5, "ad", 8),
        ] {
            machine.set(exists, unseen);
            population.refresh().unwrap();
            let things = population.things().iter();
            let labels: String = things.map(Discovered::label).collect();
            assert_eq!((&*labels, population.left_out), (placed, left_out));
        }
    }
}
