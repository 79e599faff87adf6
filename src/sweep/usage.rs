use std::collections::BTreeMap;

use crate::introspect::{Families, MAP_BYTES, MAP_CAPACITY, MAP_ENTRIES};
use crate::kernel::{Entries, MapHandle};

/// Largest hash map, in bytes of keys and values, whose entries are counted though no metric
/// is read from it: to count them is to copy them, at some 0.2 us each.
const MAX_COUNTED: usize = 2 << 20;

/// What a module's maps hold, and the memory that they take.
#[derive(Debug)]
pub(super) struct Usage(BTreeMap<String, MapUsage>);

#[derive(Debug, Default)]
struct MapUsage {
    /// As of the last reading; none where nobody has read it.
    entries: Option<usize>,
    /// In bytes, and the entries it was asked for. The kernel is asked again where it can have
    /// changed: to ask costs more than to read a small map.
    memory: Option<(u64, Option<usize>)>,
}

impl Usage {
    pub fn new(maps: &BTreeMap<String, MapHandle>) -> Self {
        let usage = |name: &String| (name.clone(), MapUsage::default());
        Self(maps.keys().map(usage).collect())
    }

    /// A map was read for its metrics, or could not be.
    pub fn read(&mut self, map: &str, entries: Option<usize>) {
        if let Some(usage) = self.0.get_mut(map) {
            usage.entries = entries;
        }
    }

    /// Counts the entries of the maps that `counted` wants counted, and asks for the memory of
    /// those that have grown or shrunk. Gives what the kernel refused.
    pub fn tally(
        &mut self,
        maps: &BTreeMap<String, MapHandle>,
        counted: impl Fn(&str) -> bool,
        buffer: &mut Entries,
    ) -> Vec<String> {
        let mut refused = Vec::new();
        for (name, usage) in &mut self.0 {
            let Some(map) = maps.get(name) else { continue };
            if counted(name) && (map.is_array() || map.full_size() <= MAX_COUNTED) {
                let count = map.count(buffer);
                usage.entries = count.map_err(|error| refused.push(error.to_string())).ok();
            }
            usage.ask_for_memory(map);
        }
        refused
    }

    pub fn introspect(
        &self,
        module: &str,
        maps: &BTreeMap<String, MapHandle>,
        families: &mut Families,
    ) {
        for (name, usage) in &self.0 {
            let labels = [module, name.as_str()];
            if let Some(entries) = usage.entries {
                families.gauge(&MAP_ENTRIES, &labels, entries as f64);
            }
            if let Some(map) = maps.get(name) {
                families.gauge(&MAP_CAPACITY, &labels, f64::from(map.max_entries()));
            }
            if let Some((bytes, _)) = usage.memory {
                families.gauge(&MAP_BYTES, &labels, bytes as f64);
            }
        }
    }
}

impl MapUsage {
    fn ask_for_memory(&mut self, map: &MapHandle) {
        let known = match self.memory {
            Some(_) if !map.grows() => true,
            Some((_, of)) => of.is_some() && of == self.entries,
            None => false,
        };
        if !known {
            self.memory = map.memory().ok().map(|bytes| (bytes, self.entries));
        }
    }
}
