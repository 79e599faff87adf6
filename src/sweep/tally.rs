use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use super::keyring::Meaning;
use crate::discover::{Labels, OTHER};
use crate::kernel::layout::{Field, MapLayout};
use crate::kernel::{MapError, MapHandle};

/// The keys of a map of rare events, which the programs make: structures of names.
#[derive(Debug)]
pub(super) struct Tally {
    texts: Texts,
    key_size: usize,
    since: SystemTime,
    /// In the order in which they were first seen. Entries stay, so there are no more than the
    /// map has room for.
    ranks: BTreeMap<Labels, usize>,
    /// What this reading has found, by rank. Names that are no UTF-8 can become alike, and two
    /// series with the same labels would spoil the whole page: such entries are added up.
    sums: BTreeMap<usize, (Labels, Vec<u64>)>,
}

/// Where each label's text lies in a structure of names.
#[derive(Debug)]
pub(super) struct Texts(Vec<(usize, usize)>);

impl Tally {
    /// # Errors
    ///
    /// The map's keys are not made of the labels' names: why.
    pub fn new(labels: &[String], layout: &MapLayout, since: SystemTime) -> Result<Self, String> {
        if layout.per_cpu {
            return Err("a tally is one for all CPUs".to_owned());
        }
        Ok(Self {
            texts: Texts::of(labels, &layout.key, layout.key_size)?,
            key_size: layout.key_size,
            since,
            ranks: BTreeMap::new(),
            sums: BTreeMap::new(),
        })
    }

    /// Creates the entry of `other`, in which the programs count what has none.
    pub fn create_other(&mut self, map: &MapHandle) -> Result<(), MapError> {
        let mut key = vec![0; self.key_size];
        self.texts.write(&mut key, OTHER);
        map.insert_first(&key)?;
        self.ranks.insert(self.texts.read(&key), usize::MAX);
        Ok(())
    }

    /// Forgets what a reading found.
    pub fn begin(&mut self) {
        self.sums.clear();
    }

    /// Takes an entry's value.
    pub fn add(&mut self, key: &[u8], cells: impl Iterator<Item = u64>) {
        let labels = self.texts.read(key);
        let next = self.ranks.len();
        let rank = *self.ranks.entry(Arc::clone(&labels)).or_insert(next);
        let (_, sums) = self
            .sums
            .entry(rank)
            .or_insert_with(|| (labels, Vec::new()));
        for (index, cell) in cells.enumerate() {
            match sums.get_mut(index) {
                Some(sum) => *sum = sum.wrapping_add(cell),
                None => sums.push(cell),
            }
        }
    }

    /// What the reading found.
    pub fn rows(&self) -> impl Iterator<Item = (Meaning, &[u64])> {
        self.sums.iter().map(|(&rank, (labels, cells))| {
            let meaning = Meaning {
                labels: labels.to_vec(),
                since: self.since,
                rank,
            };
            (meaning, &cells[..])
        })
    }
}

impl Texts {
    /// # Errors
    ///
    /// `fields`, of so many bytes together, are not names of the labels: why.
    pub fn of(labels: &[String], fields: &[Field], size: usize) -> Result<Self, String> {
        let texts = labels.iter().map(|label| {
            let field = fields.iter().find(|field| field.name == *label);
            let field = field.ok_or_else(|| format!("there is no member {label}"))?;
            Ok((field.offset, field.size))
        });
        let texts: Vec<_> = texts.collect::<Result<_, String>>()?;
        if texts.iter().map(|(_, size)| size).sum::<usize>() != size {
            return Err("names are not those of the labels alone".to_owned());
        }
        Ok(Self(texts))
    }

    /// Texts end at their first zero, and are what they are: bytes.
    pub fn read(&self, names: &[u8]) -> Labels {
        let text = |&(start, size): &(usize, usize)| {
            let bytes = names.get(start..start + size).unwrap_or_default();
            let text = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
            Arc::from(String::from_utf8_lossy(text))
        };
        self.0.iter().map(text).collect()
    }

    fn write(&self, names: &mut [u8], text: &str) {
        for &(start, size) in &self.0 {
            let place = names.get_mut(start..start + size).unwrap_or_default();
            for (place, byte) in place.iter_mut().zip(text.bytes()) {
                *place = byte;
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::kernel::layout::Shape;

    fn name(name: &str, offset: usize) -> Field {
        Field {
            name: name.to_owned(),
            offset,
            size: 8,
            shape: Shape::Opaque,
            members: Vec::new(),
        }
    }

    #[test]
    fn names_are_read_as_they_were_written() {
        let labels = ["code", "bus"].map(str::to_owned);
        let fields = [name("bus", 0), name("code", 8)];
        let texts = Texts::of(&labels, &fields, 16).unwrap();
        let found = texts.read(b"0:1\0abcd31\0\0\0\0\0\0");
        assert_eq!(&*found, [Arc::from("31"), Arc::from("0:1")]);
        // Not longer than it is, whatever the bytes are.
        let found = texts.read(b"01234567\xff1234567");
        assert_eq!(&*found, ["\u{fffd}1234567".into(), Arc::from("01234567")]);
        let mut names = [0; 16];
        texts.write(&mut names, "other");
        assert_eq!(&names, b"other\0\0\0other\0\0\0");
    }

    #[test]
    fn entries_whose_names_look_alike_are_one_series() {
        let layout = MapLayout {
            max_entries: 4,
            key_size: 8,
            key: vec![name("code", 0)],
            per_cpu: false,
            value_size: 16,
            value: Vec::new(),
        };
        let mut tally = Tally::new(&["code".to_owned()], &layout, SystemTime::UNIX_EPOCH).unwrap();
        let other = Labels::from([OTHER.into()]);
        tally.ranks.insert(other, usize::MAX);
        for (key, cells) in [
            (b"a\xff\0\0\0\0\0\0", [1, 2]),
            (b"b\0\0\0\0\0\0\0", [3, 4]),
            (b"a\xfe\0\0\0\0\0\0", [5, u64::MAX]),
            (b"other\0\xff\xff", [6, 7]),
            (b"b\0\0old\0\0", [8, 9]),
        ] {
            tally.add(key, cells.into_iter());
        }
        let rows = tally.rows().map(|(meaning, cells)| {
            let label = meaning.labels.first().unwrap().to_string();
            (label, cells.to_vec(), meaning.rank)
        });
        let expected = [
            ("a\u{fffd}".to_owned(), vec![6, 1], 1),
            ("b".to_owned(), vec![11, 13], 2),
            ("other".to_owned(), vec![6, 7], usize::MAX),
        ];
        assert_eq!(rows.collect::<Vec<_>>(), expected);
        tally.begin();
        assert_eq!(tally.rows().count(), 0);
    }

    #[test]
    fn names_are_those_of_the_labels_and_no_more() {
        let labels = ["bus".to_owned()];
        let error = |fields: &[Field]| Texts::of(&labels, fields, 16).unwrap_err();
        assert_eq!(error(&[name("code", 0)]), "there is no member bus");
        let error = error(&[name("bus", 0), name("code", 8)]);
        assert_eq!(error, "names are not those of the labels alone");
    }
}
