use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::name::Naming;
use crate::discover::Discovered;
use crate::discover::library::Process;

/// How long a workload stays after its last process, so that what a short one did is still
/// collected.
const GRACE: Duration = Duration::from_mins(5);

/// Workloads known at a time. More processes are in `other`.
const WORKLOADS: usize = 1_024;

/// Who uses a library: processes by their control group, or by their command outside one.
#[derive(Debug, Default)]
pub struct Workloads {
    naming: Naming,
    known: BTreeMap<Arc<str>, Known>,
    next: u32,
}

#[derive(Debug)]
struct Known {
    id: u32,
    used: Instant,
}

impl Workloads {
    pub fn new(naming: Naming) -> Self {
        Self {
            naming,
            ..Self::default()
        }
    }

    /// Takes in who uses the library now. Gives the workload of each process.
    pub fn update(&mut self, now: Instant, processes: &[&Process]) -> BTreeMap<u32, u32> {
        let mut members = BTreeMap::new();
        for process in processes {
            let label = self.naming.of(process);
            let full = self.known.len() >= WORKLOADS;
            let known = match self.known.get_mut(&label) {
                Some(known) => known,
                None if full => continue,
                None => {
                    let id = self.next;
                    // Ids come again after four thousand million workloads.
                    self.next = self.next.wrapping_add(1) % u32::MAX;
                    self.known.entry(label).or_insert(Known { id, used: now })
                }
            };
            known.used = now;
            members.insert(process.tgid, known.id);
        }
        self.known
            .retain(|_, known| now.saturating_duration_since(known.used) < GRACE);
        members
    }

    /// How many have been known so far.
    pub fn given(&self) -> u32 {
        self.next
    }

    /// By label.
    pub fn list(&self) -> Vec<Discovered> {
        let each = self.known.iter();
        let each = each.map(|(label, known)| Discovered::new(Arc::clone(label), known.id.into()));
        each.collect()
    }
}
