use std::collections::BTreeMap;
use std::sync::Arc;

use super::tally::Texts;
use crate::discover::{Candidate, Candidates, Discovered, Labels};
use crate::kernel::layout::{Field, MapLayout, Shape};
use crate::kernel::{Entries, MapError, MapHandle};

/// Names remembered, those without a place included. What is beyond is looked at again at
/// every sweep.
const KNOWN: usize = 1_024;

/// Things that only the kernel can name. Programs look their names up in a map, and leave
/// those that are not there in an array of candidates, where they are found here, get a
/// number, and are put into the map once they have entries.
///
/// Who was seen stays: nothing tells that a name will not come again.
pub struct Seen {
    names: String,
    candidates: String,
    layout: Layout,
    handles: Option<Handles>,
    known: BTreeMap<Box<[u8]>, Known>,
}

struct Handles {
    names: MapHandle,
    candidates: MapHandle,
    entries: Entries,
}

struct Known {
    id: u32,
    labels: Labels,
    /// The programs find it.
    told: bool,
}

/// Where in a candidate its parts are.
struct Layout {
    hash: usize,
    /// Begin and size of the names, as they are a key of the map of names.
    names: (usize, usize),
    texts: Texts,
}

impl Seen {
    /// # Errors
    ///
    /// The maps are not made as they have to be: why.
    pub fn new(
        labels: &[String],
        names: &str,
        candidates: &str,
        layouts: &BTreeMap<String, MapLayout>,
    ) -> Result<Self, String> {
        let layout = |map: &str| {
            let layout = layouts.get(map);
            layout.ok_or_else(|| format!("the object has no map {map:?}"))
        };
        Ok(Self {
            layout: Layout::of(labels, layout(names)?, layout(candidates)?)
                .map_err(|what| format!("maps {names} and {candidates}: {what}"))?,
            names: names.to_owned(),
            candidates: candidates.to_owned(),
            handles: None,
            known: BTreeMap::new(),
        })
    }

    pub fn open(&mut self, maps: &BTreeMap<String, MapHandle>) -> Result<(), MapError> {
        if let (Some(names), Some(candidates)) = (maps.get(&self.names), maps.get(&self.candidates))
        {
            self.handles = Some(Handles {
                names: names.again()?,
                candidates: candidates.again()?,
                entries: Entries::new(),
            });
        }
        Ok(())
    }

    /// All that was seen and is admitted. Those that are known longest come first.
    pub fn look(&mut self, admits: &dyn Fn(usize, &str) -> bool) -> Result<Candidates, MapError> {
        let mut unseen = 0;
        if let Some(Handles {
            candidates,
            entries,
            ..
        }) = &mut self.handles
        {
            let (layout, known) = (&self.layout, &mut self.known);
            candidates.read_each(entries, |entry| {
                let Some(names) = layout.names(entry.value()) else {
                    return;
                };
                if known.contains_key(names) {
                    return;
                }
                if known.len() >= KNOWN {
                    unseen += 1;
                    return;
                }
                let id = u32::try_from(known.len()).unwrap_or(u32::MAX - 1);
                let labels = layout.texts.read(names);
                let told = false;
                known.insert(names.into(), Known { id, labels, told });
            })?;
        }
        let admitted = self.known.values().filter(|known| {
            let mut labels = known.labels.iter().enumerate();
            labels.all(|(position, label)| admits(position, label))
        });
        let things = admitted.map(|known| Candidate {
            rank: known.id.into(),
            thing: Discovered {
                labels: Arc::clone(&known.labels),
                id: known.id.into(),
            },
        });
        Ok(Candidates {
            things: things.collect(),
            unseen,
        })
    }

    /// Has the programs find those that are placed, and no others.
    pub fn settle(&mut self, placed: &[Discovered]) -> Result<(), MapError> {
        let Some(Handles { names, .. }) = &self.handles else {
            return Ok(());
        };
        let mut settled = Ok(());
        for (key, known) in &mut self.known {
            let has_place = placed.iter().any(|thing| thing.id == u64::from(known.id));
            if has_place == known.told {
                continue;
            }
            let told = if has_place {
                names.set(key, &known.id.to_ne_bytes())
            } else {
                names.delete(key).map(drop)
            };
            match told {
                Ok(()) => known.told = has_place,
                Err(error) => settled = settled.and(Err(error)),
            }
        }
        settled
    }
}

impl Layout {
    fn of(labels: &[String], names: &MapLayout, candidates: &MapLayout) -> Result<Self, String> {
        let field = |fields: &[Field], name: &str| {
            let field = fields.iter().find(|field| field.name == name).cloned();
            field.ok_or_else(|| format!("there is no member {name}"))
        };
        let hash = field(&candidates.value, "hash")?;
        let left = field(&candidates.value, "names")?;
        if hash.shape != Shape::Cell || left.size != names.key_size || left.size % 8 != 0 {
            return Err("a candidate is a u64 hash, and names as they are keys".to_owned());
        }
        if names.value_size != size_of::<u32>() {
            return Err("the value of names is not a u32".to_owned());
        }
        Ok(Self {
            hash: hash.offset,
            names: (left.offset, left.size),
            texts: Texts::of(labels, &names.key, names.key_size)?,
        })
    }

    /// The names of a candidate; none if it is empty, or was read while it was written.
    fn names<'a>(&self, candidate: &'a [u8]) -> Option<&'a [u8]> {
        let (start, size) = self.names;
        let names = candidate.get(start..start + size)?;
        let hash = candidate.get(self.hash..self.hash + 8)?;
        let hash = u64::from_ne_bytes(hash.try_into().ok()?);
        let words = names
            .chunks_exact(8)
            .filter_map(|word| word.try_into().ok());
        let words: Vec<u64> = words.map(u64::from_ne_bytes).collect();
        (geophone_names::hash(&words) == hash).then_some(names)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::kernel::testing::{array, hash, may_load};

    const NAMES: &str = "NAMES";
    const CANDIDATES: &str = "SEEN";

    fn field(name: &str, offset: usize, size: usize, shape: Shape) -> Field {
        let name = name.to_owned();
        Field {
            name,
            offset,
            size,
            shape,
            members: Vec::new(),
        }
    }

    fn map(key: &[Field], value: &[Field]) -> MapLayout {
        let size = |fields: &[Field]| fields.iter().map(|field| field.size).sum();
        MapLayout {
            max_entries: 1,
            key_size: size(key),
            key: key.to_vec(),
            per_cpu: false,
            value_size: size(value),
            value: value.to_vec(),
        }
    }

    /// Of two names of eight bytes each.
    fn layouts() -> BTreeMap<String, MapLayout> {
        let text = |name, offset| field(name, offset, 8, Shape::Opaque);
        let number = |size| field("", 0, size, Shape::Opaque);
        let names = map(&[text("driver", 0), text("timeline", 8)], &[number(4)]);
        let hash = field("hash", 0, 8, Shape::Cell);
        let left = field("names", 8, 16, Shape::Opaque);
        let candidates = map(&[number(4)], &[hash, left]);
        BTreeMap::from([(NAMES.into(), names), (CANDIDATES.into(), candidates)])
    }

    fn new(layouts: &BTreeMap<String, MapLayout>) -> Result<Seen, String> {
        let labels = ["driver", "timeline"].map(str::to_owned);
        Seen::new(&labels, NAMES, CANDIDATES, layouts)
    }

    fn names(driver: &[u8], timeline: &[u8]) -> Vec<u8> {
        let mut names = vec![0; 16];
        names[..driver.len()].copy_from_slice(driver);
        names[8..8 + timeline.len()].copy_from_slice(timeline);
        names
    }

    /// A candidate as a program leaves it.
    fn left(names: &[u8]) -> Vec<u8> {
        let words = names.chunks(8).map(|word| word.try_into().unwrap());
        let words: Vec<u64> = words.map(u64::from_ne_bytes).collect();
        [&geophone_names::hash(&words).to_ne_bytes()[..], names].concat()
    }

    fn texts(found: &Candidates) -> Vec<(u64, String)> {
        let things = found.things.iter().map(|each| &each.thing);
        let mut texts: Vec<_> = things
            .map(|thing| (thing.id, thing.labels.join("/")))
            .collect();
        texts.sort();
        texts
    }

    #[test]
    fn what_programs_leave_is_found_once_and_told_when_it_has_a_place() {
        if !may_load("what_programs_leave_is_found_once_and_told_when_it_has_a_place") {
            return;
        }
        let (told, slots) = (hash(16, 4, 4), array(24, 4));
        let maps = [(NAMES, told.again()), (CANDIDATES, slots.again())];
        let maps = maps.map(|(name, map)| (name.to_owned(), map.unwrap()));
        let mut seen = new(&layouts()).unwrap();
        seen.open(&maps.into()).unwrap();
        let slot = |index: u32, value: &[u8]| slots.set(&index.to_ne_bytes(), value).unwrap();
        let look = |seen: &mut Seen| seen.look(&|_, _| true).unwrap();
        assert_eq!(look(&mut seen), Candidates::default());

        // One as long as there is room for, one that is no text, and half of one.
        slot(0, &left(&names(b"amdgpu", b"gfx_0.0")));
        slot(1, &left(&names(b"12345678", b"\xff\n")));
        let mut torn = left(&names(b"xe", b"rcs0"));
        torn[20] ^= 1;
        slot(2, &torn);
        let found = look(&mut seen);
        let both = texts(&found);
        assert!(both.iter().any(|(_, text)| text == "amdgpu/gfx_0.0"));
        assert!(both.iter().any(|(_, text)| text == "12345678/\u{fffd}\n"));
        assert_eq!(both.len(), 2);

        // Its slot is taken; its number stays.
        slot(0, &left(&names(b"xe", b"rcs0")));
        let three = texts(&look(&mut seen));
        assert_eq!(three.len(), 3);
        assert!(both.iter().all(|each| three.contains(each)));

        let placed: Vec<_> = found.things.into_iter().map(|each| each.thing).collect();
        seen.settle(&placed).unwrap();
        assert_eq!(told.keys().unwrap().len(), 2);
        seen.settle(&placed[..1]).unwrap();
        let mut entries = Entries::new();
        told.read_all(&mut entries).unwrap();
        let values: Vec<_> = entries.iter().map(|entry| entry.value().to_vec()).collect();
        let id = u32::try_from(placed[0].id).unwrap();
        assert_eq!(values, [id.to_ne_bytes()]);
    }

    #[test]
    fn every_label_has_its_filter() {
        if !may_load("every_label_has_its_filter") {
            return;
        }
        let (told, slots) = (hash(16, 4, 4), array(24, 4));
        let maps = [(NAMES, told), (CANDIDATES, slots.again().unwrap())];
        let mut seen = new(&layouts()).unwrap();
        seen.open(&maps.map(|(name, map)| (name.to_owned(), map)).into())
            .unwrap();
        for (slot, timeline) in [(0_u32, b"gfx"), (1, b"sdm")] {
            let candidate = left(&names(b"amdgpu", timeline));
            slots.set(&slot.to_ne_bytes(), &candidate).unwrap();
        }
        let mut admitted = |driver: &str, timeline: &str| {
            let admits = |label: usize, text: &str| text == [driver, timeline][label];
            seen.look(&admits).unwrap().things.len()
        };
        assert_eq!(admitted("amdgpu", "gfx"), 1);
        assert_eq!(admitted("amdgpu", "xxx"), 0);
        assert_eq!(admitted("xe", "gfx"), 0);
    }

    #[test]
    fn maps_of_another_make_are_refused() {
        let broken = |change: fn(&mut MapLayout), of: &str| {
            let mut layouts = layouts();
            change(layouts.get_mut(of).unwrap());
            new(&layouts).err().unwrap()
        };
        let text = broken(|map| map.key[1].name = "ring".to_owned(), NAMES);
        assert!(text.ends_with("there is no member timeline"), "{text}");
        let text = broken(|map| map.key_size = 24, NAMES);
        assert!(text.contains("a candidate is a u64 hash"), "{text}");
        let text = broken(|map| map.value_size = 8, NAMES);
        assert!(text.contains("is not a u32"), "{text}");
        let text = broken(|map| map.value[0].shape = Shape::Opaque, CANDIDATES);
        assert!(text.contains("a candidate is a u64 hash"), "{text}");
        let text = broken(|map| map.key[1].size = 4, NAMES);
        assert!(text.contains("of the labels alone"), "{text}");
    }
}
