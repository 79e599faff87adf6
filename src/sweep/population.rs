use crate::discover::{Chosen, Discover, DiscoverError, Discovered};

/// Which values of a label may have series of their own.
pub type Admit = Box<dyn Fn(&str) -> bool + Send>;

/// The values that one label has on this machine, as of the last discovery.
pub struct Population {
    pub label: String,
    discover: Box<dyn Discover>,
    admit: Admit,
    /// How many there is room for in every map that is keyed by it.
    limit: usize,
    chosen: Chosen,
    /// Things beyond what a discovery looks at.
    unseen: u64,
    /// Things that found no place, each counted when it appeared.
    pub left_out: u64,
    pub errors: u64,
}

impl Population {
    pub fn new(label: &str, discover: Box<dyn Discover>, admit: Admit, limit: usize) -> Self {
        Self {
            label: label.to_owned(),
            discover,
            admit,
            limit,
            chosen: Chosen::default(),
            unseen: 0,
            left_out: 0,
            errors: 0,
        }
    }

    /// Those that have a place, by label.
    pub fn things(&self) -> &[Discovered] {
        &self.chosen.things
    }

    /// Looks again. Keeps what was known when that fails, so that a passing failure does not
    /// take series away.
    ///
    /// # Errors
    ///
    /// The kernel's list cannot be read.
    pub fn refresh(&mut self) -> Result<(), DiscoverError> {
        match self.discover.discover(&self.chosen.things, &*self.admit) {
            Ok(found) => {
                let unseen = found.unseen;
                let chosen = found.choose(&self.chosen.things, self.limit);
                let appeared = chosen.left_out.difference(&self.chosen.left_out).count();
                self.left_out += appeared as u64 + unseen.saturating_sub(self.unseen);
                self.unseen = unseen;
                self.chosen = chosen;
                Ok(())
            }
            Err(error) => {
                self.errors += 1;
                Err(error)
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::discover::{Candidate, Candidates};

    /// What exists, as the test says.
    #[derive(Clone, Default)]
    struct Machine(Arc<Mutex<Candidates>>);

    impl Machine {
        /// Things whose number is the place of their label in the alphabet.
        fn set(&self, labels: &str, unseen: u64) {
            let things = labels.char_indices().map(|(_, label)| Candidate {
                thing: Discovered {
                    label: label.to_string().into(),
                    id: label.into(),
                },
                rank: 0,
            });
            *self.0.lock().unwrap() = Candidates {
                things: things.collect(),
                unseen,
            };
        }
    }

    impl Discover for Machine {
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
        let admit = Box::new(|_: &str| true);
        let mut population = Population::new("device", Box::new(machine.clone()), admit, 2);
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
            let labels: String = things.map(|thing| &*thing.label).collect();
            assert_eq!((&*labels, population.left_out), (placed, left_out));
        }
    }
}
