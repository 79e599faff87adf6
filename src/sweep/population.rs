use crate::discover::{Discover, DiscoverError, Found};

/// Which values of a label may have series of their own.
pub type Admit = Box<dyn Fn(&str) -> bool + Send>;

/// The values that one label has on this machine, as of the last discovery.
pub struct Population {
    pub label: String,
    discover: Box<dyn Discover>,
    admit: Admit,
    /// How many there is room for in every map that is keyed by it.
    limit: usize,
    pub found: Found,
    /// Things that passed the limit and are not counted as folded yet.
    pub newly_left_out: u64,
    pub errors: u64,
}

impl Population {
    pub fn new(label: &str, discover: Box<dyn Discover>, admit: Admit, limit: usize) -> Self {
        Self {
            label: label.to_owned(),
            discover,
            admit,
            limit,
            found: Found::default(),
            newly_left_out: 0,
            errors: 0,
        }
    }

    /// Looks again. Keeps what was known when that fails, so that a passing failure does not
    /// take series away.
    ///
    /// # Errors
    ///
    /// The kernel's list cannot be read.
    pub fn refresh(&mut self) -> Result<(), DiscoverError> {
        match self.discover.discover(self.limit, &*self.admit) {
            Ok(found) => {
                let more = found.left_out.saturating_sub(self.found.left_out);
                self.newly_left_out += more as u64;
                self.found = found;
                Ok(())
            }
            Err(error) => {
                self.errors += 1;
                Err(error)
            }
        }
    }
}
