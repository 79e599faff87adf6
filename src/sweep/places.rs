use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use super::holdings::word;
use super::metric::BoundMetric;
use crate::attach::Status;
use crate::discover::{Discovered, OTHER};
use crate::kernel::{Entries, MapError, MapHandle};
use crate::snapshot::Family;

/// An array of what the programs remember between two events. Its series are how many of its
/// places are occupied, by the thing that the remembered is of: programs that add and subtract
/// would be wrong for good after two that took one place at the same moment.
#[derive(Debug)]
pub(super) struct Places {
    pub name: String,
    /// Index of the population that the labels' values are of.
    pub population: usize,
    pub layout: Place,
    pub metrics: Vec<CountMetric>,
}

/// Where a place tells what is in it, in bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// A u64, zero where the place is free.
    pub key: usize,
    /// A u64, the number of the thing.
    pub thing: usize,
    /// How many labels the thing has.
    pub labels: usize,
}

/// A metric that counts places.
#[derive(Debug)]
pub(super) struct CountMetric {
    pub bound: BoundMetric,
    /// Programs that must be at a function of some library for it to be exported.
    pub programs: Vec<String>,
}

impl Places {
    /// Counts the occupied places of each of `things`, and those of what is not among them.
    pub fn sweep(
        &mut self,
        map: &MapHandle,
        things: &[Discovered],
        status: &Status,
        since: SystemTime,
        entries: &mut Entries,
    ) -> Result<Vec<Arc<Family>>, MapError> {
        let mut counts = self.layout.count(map, entries)?;
        let own = things.iter().map(|thing| {
            let count = counts.remove(&thing.id).unwrap_or(0);
            (thing.labels.to_vec(), count)
        });
        let mut counted: Vec<_> = own.collect();
        let others = vec![OTHER.into(); self.layout.labels];
        counted.push((others, counts.into_values().sum()));
        let families = self.metrics.iter_mut().map(|metric| {
            let rows = counted.iter();
            let rows = rows.map(|(labels, count)| (&labels[..], vec![*count]));
            let fed = metric.programs.iter().all(|it| status.is_attached(it));
            (metric.bound.family_of(rows, since), fed)
        });
        let families = families.filter_map(|(family, fed)| fed.then_some(family));
        Ok(families.collect())
    }
}

impl Place {
    /// The occupied places by the number of their thing.
    fn count(self, map: &MapHandle, entries: &mut Entries) -> Result<BTreeMap<u64, u64>, MapError> {
        let mut counts = BTreeMap::new();
        map.read_each(entries, |entry| {
            let value = entry.value();
            if word(value, self.key).is_none_or(|key| key == 0) {
                return;
            }
            if let Some(thing) = word(value, self.thing) {
                *counts.entry(thing).or_default() += 1;
            }
        })?;
        Ok(counts)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::kernel::testing::{array, may_load};
    use crate::snapshot::{Descriptor, Kind, OtlpName, Stability, Unit, Value};
    use crate::sweep::metric::Reading;

    /// Of the key, a time and a thing.
    const PLACE: Place = Place {
        key: 0,
        thing: 16,
        labels: 2,
    };

    fn metric(programs: &[&str]) -> CountMetric {
        let descriptor = Descriptor {
            name: "jobs_pending".to_owned(),
            help: String::new(),
            kind: Kind::Gauge,
            unit: Unit::None,
            labels: ["device", "ring"].map(str::to_owned).to_vec(),
            module: None,
            otlp: OtlpName {
                name: String::new(),
                unit: String::new(),
            },
            stability: Stability::Stable,
            classic: (0, 0),
        };
        CountMetric {
            bound: BoundMetric::new(Arc::new(descriptor), Reading::of_one_cell()),
            programs: programs.iter().map(ToString::to_string).collect(),
        }
    }

    fn places(metrics: Vec<CountMetric>) -> Places {
        Places {
            name: "JOBS".to_owned(),
            population: 0,
            layout: PLACE,
            metrics,
        }
    }

    fn put(map: &MapHandle, index: u32, key: u64, thing: u64) {
        let value = [key, 7, thing].map(u64::to_ne_bytes).concat();
        map.set(&index.to_ne_bytes(), &value).unwrap();
    }

    fn things(named: &[(u64, &str)]) -> Vec<Discovered> {
        let thing = |&(id, ring): &(u64, &str)| Discovered {
            labels: Arc::new(["gpu".into(), ring.into()]),
            id,
        };
        named.iter().map(thing).collect()
    }

    fn read(places: &mut Places, map: &MapHandle, things: &[Discovered]) -> Vec<(String, f64)> {
        let mut entries = Entries::new();
        let now = SystemTime::UNIX_EPOCH;
        let families = places.sweep(map, things, &Status::default(), now, &mut entries);
        let families = families.unwrap();
        let series = families.iter().flat_map(|family| &family.series);
        series
            .map(|series| {
                let Value::Gauge(value) = series.value else {
                    return (series.labels.join("/"), f64::NAN);
                };
                (series.labels.join("/"), value)
            })
            .collect()
    }

    fn counts(expected: &[(&str, u32)]) -> Vec<(String, f64)> {
        let each = expected.iter();
        each.map(|(labels, count)| ((*labels).to_owned(), f64::from(*count)))
            .collect()
    }

    #[test]
    fn occupied_places_are_counted_by_their_thing() {
        if !may_load("occupied_places_are_counted_by_their_thing") {
            return;
        }
        let map = array(24, 2048);
        let mut places = places(vec![metric(&[])]);
        let rings = things(&[(0, "gfx"), (3, "sdma")]);
        // A free place is of thing 0.
        let none = [("gpu/gfx", 0), ("gpu/sdma", 0), ("other/other", 0)];
        assert_eq!(read(&mut places, &map, &rings), counts(&none));

        for index in 0..5 {
            put(&map, index, 1 + u64::from(index), 0);
        }
        put(&map, 2047, u64::MAX, 3);
        // What its number was not known for, and what has no place of its own.
        put(&map, 1000, 9, u64::from(u32::MAX));
        put(&map, 1001, 9, 4);
        // One that has ended.
        put(&map, 1002, 0, 3);
        let some = [("gpu/gfx", 5), ("gpu/sdma", 1), ("other/other", 2)];
        assert_eq!(read(&mut places, &map, &rings), counts(&some));

        // Nothing stays of what was counted before.
        put(&map, 0, 0, 0);
        let fewer = [("gpu/gfx", 4), ("other/other", 3)];
        assert_eq!(read(&mut places, &map, &rings[..1]), counts(&fewer));
    }

    #[test]
    fn what_waits_for_its_library_is_not_exported() {
        if !may_load("what_waits_for_its_library_is_not_exported") {
            return;
        }
        let mut places = places(vec![metric(&["cuLaunch"])]);
        assert_eq!(read(&mut places, &array(24, 2), &[]), []);
    }
}
