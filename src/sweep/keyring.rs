use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::SystemTime;

use crate::discover::{Discovered, Labels, OTHER};
use crate::kernel::{MapError, MapHandle};

/// The keys of one map: user space creates and deletes its entries, the probe looks them up.
#[derive(Debug)]
pub struct Keyring {
    parts: Vec<Part>,
    key_size: usize,
    known: BTreeMap<u64, Known>,
    /// Things for which the kernel gave no entry at the last sweep.
    waiting: BTreeSet<u64>,
    /// Things that came to be among them, over all sweeps.
    refused: u64,
}

/// One field of the key.
#[derive(Debug)]
pub struct Part {
    pub offset: usize,
    /// Bytes: 4 or 8.
    pub size: usize,
    pub kind: PartKind,
}

#[derive(Debug)]
pub enum PartKind {
    /// Takes the ids of a population, and all ones for `other`.
    Discovered {
        /// The population's index.
        population: usize,
        /// Labels that an id becomes.
        labels: usize,
    },
    /// Takes the indices of these values.
    Values(Vec<Arc<str>>),
}

#[derive(Debug)]
struct Known {
    labels: Labels,
    since: SystemTime,
    /// Position in the exposition: by label, `other` last.
    rank: usize,
}

/// What a key means.
#[derive(Debug)]
pub struct Meaning {
    pub labels: Vec<Arc<str>>,
    pub since: SystemTime,
    /// Orders series as the manifest and the labels do.
    pub rank: usize,
}

impl Keyring {
    /// `since`: when the programs began to count.
    pub fn new(parts: Vec<Part>, key_size: usize, since: SystemTime) -> Self {
        let mut ring = Self {
            parts,
            key_size,
            known: BTreeMap::new(),
            waiting: BTreeSet::new(),
            refused: 0,
        };
        let labels = ring.parts.iter().find_map(|part| match part.kind {
            PartKind::Discovered { labels, .. } => Some(labels),
            PartKind::Values(_) => None,
        });
        let known = Known {
            labels: (0..labels.unwrap_or(0)).map(|_| OTHER.into()).collect(),
            since,
            rank: 0,
        };
        // Without a discovered part there is one "thing", whose id is in no key.
        ring.known.insert(ring.other().unwrap_or(0), known);
        ring
    }

    /// The index of the population that the keys follow.
    pub fn population(&self) -> Option<usize> {
        self.discovered().map(|(_, population)| population)
    }

    /// Creates the entries that exist from the start: all without a discovered part, and
    /// those of `other`.
    ///
    /// # Errors
    ///
    /// The kernel refused an entry.
    pub fn create_first(&self, map: &MapHandle) -> Result<(), MapError> {
        for &id in self.known.keys() {
            for key in self.keys_of(id) {
                map.insert_first(&key)?;
            }
        }
        Ok(())
    }

    /// Creates entries for what is new and deletes those of what is gone. A thing that returns
    /// after a sweep has missed it starts anew from zero, and so does a number that has been
    /// given to another thing.
    ///
    /// # Errors
    ///
    /// The first refusal of the kernel. All the rest is done nevertheless; what has no entry is
    /// counted in `other` and tried again next time.
    pub fn follow(
        &mut self,
        found: &[Discovered],
        map: &MapHandle,
        now: SystemTime,
    ) -> Result<(), MapError> {
        let mut followed = Ok(());
        let mut waiting = BTreeSet::new();
        let other = self.other();
        let labels: BTreeMap<u64, &Labels> = found
            .iter()
            .map(|thing| (thing.id, &thing.labels))
            .collect();
        let known = self.known.iter();
        let gone = known.filter(|&(&id, known)| {
            Some(id) != other
                && labels
                    .get(&id)
                    .is_none_or(|labels| **labels != known.labels)
        });
        for id in gone.map(|(&id, _)| id).collect::<Vec<_>>() {
            self.known.remove(&id);
            followed = followed.and(self.delete_all(id, map));
        }
        for (rank, thing) in found.iter().enumerate() {
            if let Some(known) = self.known.get_mut(&thing.id) {
                known.rank = rank;
                continue;
            }
            // Who was refused once is refused again, and asking may take milliseconds: the rest
            // waits for the next sweep.
            if !waiting.is_empty() {
                waiting.insert(thing.id);
                continue;
            }
            if let Err(error) = self.insert_all(thing.id, map) {
                // Half a thing would be worse than none: its events go to `other`.
                let _ = self.delete_all(thing.id, map);
                waiting.insert(thing.id);
                followed = followed.and(Err(error));
                continue;
            }
            let known = Known {
                labels: Arc::clone(&thing.labels),
                since: now,
                rank,
            };
            self.known.insert(thing.id, known);
        }
        if let Some(known) = other.and_then(|id| self.known.get_mut(&id)) {
            known.rank = found.len();
        }
        self.refused += waiting.difference(&self.waiting).count() as u64;
        self.waiting = waiting;
        followed
    }

    /// How many things the kernel gave no entry so far, each counted when it was refused
    /// first, however often it was tried again.
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// Labels and place of an entry; none for a key that is not ours.
    pub fn meaning(&self, key: &[u8]) -> Option<Meaning> {
        let mut labels = Vec::with_capacity(self.parts.len());
        let mut since = None;
        let mut rank = 0;
        let mut within = 0;
        for part in &self.parts {
            let value = part.read(key)?;
            match &part.kind {
                PartKind::Discovered { .. } => {
                    let known = self.known.get(&value)?;
                    labels.extend(known.labels.iter().map(Arc::clone));
                    since = Some(known.since);
                    rank = known.rank;
                }
                PartKind::Values(values) => {
                    let index = usize::try_from(value).ok()?;
                    labels.push(Arc::clone(values.get(index)?));
                    within = within * values.len() + index;
                }
            }
        }
        let since = since.or_else(|| self.known.values().next().map(|known| known.since))?;
        Some(Meaning {
            labels,
            since,
            rank: rank * self.combinations() + within,
        })
    }

    /// Keys per thing: the product of the value lists.
    fn combinations(&self) -> usize {
        self.parts.iter().map(Part::values).product()
    }

    fn other(&self) -> Option<u64> {
        self.discovered().map(|(part, _)| part.all_ones())
    }

    /// The part that follows a population, of which a key has one at most, and which.
    fn discovered(&self) -> Option<(&Part, usize)> {
        self.parts.iter().find_map(|part| match part.kind {
            PartKind::Discovered { population, .. } => Some((part, population)),
            PartKind::Values(_) => None,
        })
    }

    fn insert_all(&self, id: u64, map: &MapHandle) -> Result<(), MapError> {
        self.keys_of(id)
            .iter()
            .try_for_each(|key| map.insert_zero(key).map(drop))
    }

    fn delete_all(&self, id: u64, map: &MapHandle) -> Result<(), MapError> {
        self.keys_of(id)
            .iter()
            .try_for_each(|key| map.delete(key).map(drop))
    }

    fn keys_of(&self, id: u64) -> Vec<Vec<u8>> {
        let mut keys = vec![vec![0; self.key_size]];
        for part in &self.parts {
            let values: Vec<u64> = match &part.kind {
                PartKind::Discovered { .. } => vec![id],
                PartKind::Values(values) => (0..values.len() as u64).collect(),
            };
            let extend = |key: &Vec<u8>| {
                values
                    .iter()
                    .map(|&value| part.written(key, value))
                    .collect::<Vec<_>>()
            };
            keys = keys.iter().flat_map(extend).collect();
        }
        keys
    }
}

impl Part {
    fn all_ones(&self) -> u64 {
        if self.size == 4 {
            u64::from(u32::MAX)
        } else {
            u64::MAX
        }
    }

    fn values(&self) -> usize {
        match &self.kind {
            PartKind::Discovered { .. } => 1,
            PartKind::Values(values) => values.len(),
        }
    }

    fn read(&self, key: &[u8]) -> Option<u64> {
        let bytes = key.get(self.offset..self.offset + self.size)?;
        match self.size {
            4 => Some(u64::from(u32::from_ne_bytes(bytes.try_into().ok()?))),
            8 => Some(u64::from_ne_bytes(bytes.try_into().ok()?)),
            _ => None,
        }
    }

    fn written(&self, key: &[u8], value: u64) -> Vec<u8> {
        let mut key = key.to_vec();
        if let Some(place) = key.get_mut(self.offset..self.offset + self.size) {
            match self.size {
                // Ids that do not fit were refused at the start.
                4 => place.copy_from_slice(&u32::try_from(value).unwrap_or(u32::MAX).to_ne_bytes()),
                _ => place.copy_from_slice(&value.to_ne_bytes()),
            }
        }
        key
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::kernel::Entries;
    use crate::kernel::testing::{may_load, per_cpu_hash};

    fn ring() -> Keyring {
        let device = Part {
            offset: 0,
            size: 4,
            kind: PartKind::Discovered {
                population: 0,
                labels: 1,
            },
        };
        let values = PartKind::Values(vec!["read".into(), "write".into()]);
        let operation = Part {
            offset: 4,
            size: 4,
            kind: values,
        };
        Keyring::new(vec![device, operation], 8, SystemTime::UNIX_EPOCH)
    }

    #[test]
    fn other_is_there_from_the_start() {
        let ring = ring();
        let keys = ring.keys_of(ring.other().unwrap());
        assert_eq!(
            keys,
            [
                [255, 255, 255, 255, 0, 0, 0, 0],
                [255, 255, 255, 255, 1, 0, 0, 0]
            ]
        );
        let meaning = ring.meaning(&keys[1]).unwrap();
        assert_eq!(meaning.labels, ["other".into(), "write".into()]);
        assert_eq!(meaning.rank, 1);
    }

    #[test]
    fn a_key_can_have_several_labels() {
        if !may_load("a_key_can_have_several_labels") {
            return;
        }
        let kind = PartKind::Discovered {
            population: 0,
            labels: 2,
        };
        let part = Part {
            offset: 0,
            size: 4,
            kind,
        };
        let mut ring = Keyring::new(vec![part], 4, SystemTime::UNIX_EPOCH);
        let map = per_cpu_hash(4, 8, 3);
        ring.create_first(&map).unwrap();
        let thing = |labels: [&str; 2], id| Discovered {
            labels: labels.map(Arc::from).into(),
            id,
        };
        let found = [thing(["a", "x"], 0), thing(["a", "y"], 1)];
        ring.follow(&found, &map, SystemTime::UNIX_EPOCH).unwrap();
        let labels = |id: u32| ring.meaning(&id.to_ne_bytes()).unwrap().labels;
        assert_eq!(labels(1), ["a".into(), "y".into()]);
        assert_eq!(labels(u32::MAX), ["other".into(), "other".into()]);
    }

    #[test]
    fn keys_that_are_not_ours_mean_nothing() {
        let ring = ring();
        assert!(ring.meaning(&[1, 0, 0, 0, 0, 0, 0, 0]).is_none());
        assert!(ring.meaning(&[255, 255, 255, 255, 2, 0, 0, 0]).is_none());
        assert!(ring.meaning(&[255; 3]).is_none());
    }

    fn device(label: &str, id: u64) -> Discovered {
        Discovered::new(label, id)
    }

    /// Entries of all that the ring knows, by label, with the operation `read`: the value.
    fn values(ring: &Keyring, map: &MapHandle) -> BTreeMap<String, u64> {
        let mut entries = Entries::new();
        map.read_all(&mut entries).unwrap();
        let mut values = BTreeMap::new();
        for entry in entries.iter() {
            let labels = ring.meaning(entry.key).unwrap().labels;
            if *labels[1] == *"read" {
                let value = u64::from_ne_bytes(entry.value().try_into().unwrap());
                values.insert(labels[0].to_string(), value);
            }
        }
        values
    }

    fn count(ring: &Keyring, map: &MapHandle, id: u64, value: u64) {
        map.set(&ring.keys_of(id)[0], &value.to_ne_bytes()).unwrap();
    }

    fn expected<const N: usize>(values: [(&str, u64); N]) -> BTreeMap<String, u64> {
        values
            .map(|(label, value)| (label.to_owned(), value))
            .into()
    }

    #[test]
    fn entries_follow_what_exists() {
        if !may_load("entries_follow_what_exists") {
            return;
        }
        let now = SystemTime::UNIX_EPOCH;
        let (mut ring, map) = (ring(), per_cpu_hash(8, 8, 6));
        ring.create_first(&map).unwrap();
        ring.follow(&[device("a", 1), device("b", 2)], &map, now)
            .unwrap();
        count(&ring, &map, 1, 11);
        count(&ring, &map, 2, 22);

        // Stays, and has its number given to another thing.
        ring.follow(&[device("a", 1), device("c", 2)], &map, now)
            .unwrap();
        assert_eq!(
            values(&ring, &map),
            expected([("a", 11), ("c", 0), ("other", 0)])
        );

        // Goes, and comes back as a new one.
        ring.follow(&[], &map, now).unwrap();
        assert_eq!(values(&ring, &map), expected([("other", 0)]));
        ring.follow(&[device("a", 1)], &map, now).unwrap();
        assert_eq!(values(&ring, &map), expected([("a", 0), ("other", 0)]));
    }

    #[test]
    fn what_the_kernel_refuses_is_left_to_other_and_counted() {
        if !may_load("what_the_kernel_refuses_is_left_to_other_and_counted") {
            return;
        }
        // Room for other and for one and a half devices.
        let (mut ring, map) = (ring(), per_cpu_hash(8, 8, 5));
        ring.create_first(&map).unwrap();
        let found = [device("a", 1), device("b", 2), device("c", 3)];
        let mut follow = |found: &[Discovered]| {
            let followed = ring.follow(found, &map, SystemTime::UNIX_EPOCH);
            let values = values(&ring, &map);
            (
                followed.map_err(|error| error.to_string()),
                ring.refused(),
                values,
            )
        };
        let only_a = expected([("a", 0), ("other", 0)]);
        // Who waits is counted once, however long it does.
        for _ in 0..3 {
            let (followed, refused, values) = follow(&found);
            let complaint = followed.unwrap_err();
            assert!(complaint.contains("the map is full"), "{complaint}");
            assert_eq!((refused, values), (2, only_a.clone()));
        }
        // Another who finds no room, and one who gets it.
        assert_eq!(follow(&[&found[..], &[device("d", 4)]].concat()).1, 3);
        let (followed, refused, values) = follow(&found[1..2]);
        assert_eq!((followed, refused), (Ok(()), 3));
        assert_eq!(values, expected([("b", 0), ("other", 0)]));
    }
}
