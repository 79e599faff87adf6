use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::name::Naming;
use crate::discover::library::Process;
use crate::discover::{Discovered, Labels};

/// How long a workload stays after its last process, so that what a short one did is still
/// collected.
const GRACE: Duration = Duration::from_mins(5);

/// Workloads known at a time. More processes are in `other`.
const WORKLOADS: usize = 1_024;

/// Who uses a library: processes by their control group, or by their command outside one; or
/// each by itself.
#[derive(Debug, Default)]
pub struct Workloads {
    naming: Naming,
    known: BTreeMap<Labels, Known>,
    /// How many found no room at the last update.
    unseen: usize,
    next: u32,
}

#[derive(Debug)]
struct Known {
    id: u32,
    used: Instant,
    /// When the process started that it is, if it is one: another may be given its id.
    started: Option<u64>,
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
        let mut unseen = BTreeSet::new();
        for process in processes {
            let labels = self.naming.of(process);
            let started = self.naming.per_process.then_some(process.start_time);
            self.known
                .retain(|it, known| *it != labels || known.started == started);
            let full = self.known.len() >= WORKLOADS;
            let known = match self.known.get_mut(&labels) {
                Some(known) => known,
                None if full => {
                    unseen.insert(labels);
                    continue;
                }
                None => {
                    let id = self.next;
                    // Ids come again after four thousand million workloads.
                    self.next = self.next.wrapping_add(1) % u32::MAX;
                    let new = Known {
                        id,
                        used: now,
                        started,
                    };
                    self.known.entry(labels).or_insert(new)
                }
            };
            known.used = now;
            members.insert(process.tgid, known.id);
        }
        self.unseen = unseen.len();
        self.known
            .retain(|_, known| now.saturating_duration_since(known.used) < GRACE);
        members
    }

    /// How many have been known so far.
    pub fn given(&self) -> u32 {
        self.next
    }

    /// How many use the library now that there is no room for.
    pub fn unseen(&self) -> usize {
        self.unseen
    }

    /// By their labels.
    pub fn list(&self) -> Vec<Discovered> {
        let each = self.known.iter().map(|(labels, known)| Discovered {
            labels: labels.clone(),
            id: known.id.into(),
        });
        each.collect()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn process(tgid: u32, start_time: u64) -> Process {
        Process {
            tgid,
            start_time,
            comm: "train".into(),
            cgroup: None,
        }
    }

    /// The labels of what is known, with its number.
    fn known(workloads: &Workloads) -> Vec<(String, u64)> {
        let each = workloads.list().into_iter();
        each.map(|it| (it.labels.join(" "), it.id)).collect()
    }

    #[test]
    fn processes_share_a_workload_unless_they_are_told_apart() {
        let now = Instant::now();
        let (a, b) = (process(7, 1), process(8, 1));
        let mut shared = Workloads::new(Naming::default());
        let members = shared.update(now, &[&a, &b]);
        assert_eq!(members, BTreeMap::from([(7, 0), (8, 0)]));
        assert_eq!(known(&shared), [("train".to_owned(), 0)]);

        let mut apart = Workloads::new(Naming {
            per_process: true,
            ..Naming::default()
        });
        let members = apart.update(now, &[&a, &b]);
        assert_eq!(members, BTreeMap::from([(7, 0), (8, 1)]));
        let both = [("train 7".to_owned(), 0), ("train 8".to_owned(), 1)];
        assert_eq!(known(&apart), both);
        // One that has ended stays for a while.
        apart.update(now + GRACE / 2, &[&a]);
        assert_eq!(known(&apart), both);
        apart.update(now + GRACE, &[&a]);
        assert_eq!(known(&apart), both[..1]);
    }

    #[test]
    fn a_process_with_the_id_of_another_begins_anew() {
        let now = Instant::now();
        let mut apart = Workloads::new(Naming {
            per_process: true,
            ..Naming::default()
        });
        apart.update(now, &[&process(7, 1)]);
        let members = apart.update(now, &[&process(7, 2)]);
        assert_eq!(members, BTreeMap::from([(7, 1)]));
        assert_eq!(known(&apart), [("train 7".to_owned(), 1)]);
    }

    #[test]
    fn workloads_without_room_are_counted() {
        let now = Instant::now();
        let some = |name: &str, count: u32| -> Vec<Process> {
            let each = (1..=count).map(|tgid| Process {
                comm: format!("{name} {}", tgid % 1_500).into(),
                ..process(tgid, 1)
            });
            each.collect()
        };
        let (few, many) = (some("a", 1_023), some("b", 3_000));
        let mut workloads = Workloads::new(Naming::default());
        workloads.update(now, &few.iter().collect::<Vec<_>>());
        assert_eq!(workloads.unseen(), 0);
        let members = workloads.update(now, &many.iter().collect::<Vec<_>>());
        // One of them found room, with its two processes.
        assert_eq!((members.len(), workloads.unseen()), (2, 1_499));
        assert_eq!(workloads.list().len(), WORKLOADS);
        workloads.update(now + GRACE, &[]);
        assert_eq!(workloads.unseen(), 0);
    }
}
