use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use super::metric::BoundMetric;
use super::population::Population;
use crate::attach::Status;
use crate::discover::OTHER;
use crate::discover::library::Process;
use crate::kernel::{Entries, Entry, MapError, MapHandle};
use crate::snapshot::Family;

/// A map of what processes hold. Its series are sums over the entries of each workload's
/// processes, so that nothing of a process stays that has ended, however it did.
#[derive(Debug)]
pub(super) struct Holdings {
    pub name: String,
    /// Index of the population that the label's values are of.
    pub population: usize,
    pub layout: Held,
    pub metrics: Vec<HeldMetric>,
    /// Entries at the last sweep.
    pub entries: usize,
}

/// Where an entry tells whose it is, in bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Held {
    /// In the key: the id of the process, or of a thread of it, a u32.
    pub process: usize,
    /// In the value: when that process started, in nanoseconds since boot.
    pub started: usize,
    /// How many labels tell what the process belongs to.
    pub labels: usize,
}

/// A metric of which each entry has a share.
#[derive(Debug)]
pub(super) struct HeldMetric {
    pub bound: BoundMetric,
    /// Where in the value the amount is.
    pub amount: usize,
    /// For each label, outermost first, where in the value the position of its value is, and
    /// how many values it has.
    pub labels: Vec<(usize, usize)>,
    /// Programs that must be at a function of some library for it to be exported.
    pub programs: Vec<String>,
}

/// Amounts by workload, then by the positions of the other labels, multiplied out.
type Sums = BTreeMap<u64, Vec<u64>>;

impl Holdings {
    /// Takes out what belongs to no process any more, and adds up the rest.
    pub fn sweep(
        &mut self,
        map: &MapHandle,
        population: &Population,
        status: &Status,
        since: SystemTime,
        entries: &mut Entries,
    ) -> Result<Vec<Arc<Family>>, MapError> {
        let members = Arc::clone(&status.lock().members);
        let placed = population.things();
        // All ones is nobody's number.
        let other = u64::MAX;
        let workload = |process: u32| {
            let id = members.get(&process).copied().map(u64::from);
            id.filter(|id| placed.iter().any(|it| it.id == *id))
                .unwrap_or(other)
        };
        let mut sums: Vec<Sums> = self.metrics.iter().map(|_| Sums::new()).collect();
        // Of each process and start: its workload, none if it has ended.
        let mut holders: BTreeMap<(u32, u64), Option<u64>> = BTreeMap::new();
        let mut gone: Vec<Vec<u8>> = Vec::new();
        let mut count = 0;
        map.read_each(entries, |entry| {
            let Some(holder) = self.layout.holder(&entry) else {
                return;
            };
            let whose = holders.entry(holder).or_insert_with(|| {
                let (process, started) = holder;
                (!Process::has_ended(process, started)).then(|| workload(process))
            });
            let Some(whose) = *whose else {
                gone.push(entry.key.to_vec());
                return;
            };
            count += 1;
            for (metric, sums) in self.metrics.iter().zip(&mut sums) {
                metric.add(entry.value(), sums.entry(whose).or_default());
            }
        })?;
        self.entries = count;
        gone.iter().try_for_each(|key| map.delete(key).map(drop))?;
        let labels = placed.iter().map(|it| (it.id, it.labels.to_vec()));
        let others = vec![OTHER.into(); self.layout.labels];
        let labels: Vec<_> = labels.chain([(other, others)]).collect();
        let families = self.metrics.iter_mut().zip(&sums).map(|(metric, sums)| {
            let elements = metric.elements();
            let rows = labels.iter().map(|(id, labels)| {
                let mut cells = sums.get(id).cloned().unwrap_or_default();
                cells.resize(elements, 0);
                (&labels[..], cells)
            });
            let fed = metric.programs.iter().all(|it| status.is_attached(it));
            (metric.bound.family_of(rows, since), fed)
        });
        let families = families.filter_map(|(family, fed)| fed.then_some(family));
        Ok(families.collect())
    }
}

impl Held {
    fn holder(self, entry: &Entry<'_>) -> Option<(u32, u64)> {
        let process = entry.key.get(self.process..self.process + 4)?;
        let process = u32::from_ne_bytes(process.try_into().ok()?);
        Some((process, word(entry.value(), self.started)?))
    }
}

impl HeldMetric {
    fn elements(&self) -> usize {
        self.labels.iter().map(|(_, values)| values).product()
    }

    fn add(&self, value: &[u8], sums: &mut Vec<u64>) {
        sums.resize(self.elements(), 0);
        let place = self.labels.iter().try_fold(0, |place, &(at, values)| {
            let index = usize::try_from(word(value, at)?).ok()?;
            (index < values).then_some(place * values + index)
        });
        let sum = place.and_then(|place| sums.get_mut(place));
        if let (Some(sum), Some(amount)) = (sum, word(value, self.amount)) {
            *sum = sum.saturating_add(amount);
        }
    }
}

/// The u64 at a place in bytes.
pub(super) fn word(value: &[u8], at: usize) -> Option<u64> {
    let bytes = value.get(at..at + 8)?;
    Some(u64::from_ne_bytes(bytes.try_into().ok()?))
}
