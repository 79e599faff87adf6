/// What was read of a map: keys, and for each the values of all possible CPUs.
///
/// Keeps its memory between readings, of one map or of several after each other.
#[derive(Debug, Default)]
pub struct Entries {
    keys: Vec<u8>,
    values: Vec<u8>,
    len: usize,
    shape: Shape,
}

/// Sizes in bytes, and how many CPUs have a copy of each value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Shape {
    pub key_size: usize,
    pub value_size: usize,
    /// From one CPU's value to the next one's: where the map is per CPU, a multiple of 8.
    pub stride: usize,
    /// 1 where the map is not per CPU.
    pub cpus: usize,
}

impl Shape {
    /// Bytes of an entry's values, all CPUs together.
    pub fn element_size(&self) -> usize {
        self.stride * self.cpus
    }
}

/// One entry.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    pub key: &'a [u8],
    values: &'a [u8],
    shape: Shape,
}

impl Entries {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub fn iter(&self) -> impl Iterator<Item = Entry<'_>> {
        let Shape { key_size, .. } = self.shape;
        let keys = self.keys.chunks_exact(key_size.max(1));
        let values = self.values.chunks_exact(self.shape.element_size().max(1));
        let entries = keys.zip(values).take(self.len);
        entries.map(|(key, values)| Entry {
            key,
            values,
            shape: self.shape,
        })
    }

    pub(super) fn reset(&mut self, shape: Shape) {
        self.shape = shape;
        self.len = 0;
    }

    pub(super) fn clear(&mut self) {
        self.len = 0;
    }

    /// Room for `count` entries behind those that are there: for their keys and their values.
    pub(super) fn room(&mut self, count: usize) -> (&mut [u8], &mut [u8]) {
        let Self {
            keys,
            values,
            len,
            shape,
        } = self;
        let part = |bytes: &mut Vec<u8>, size: usize| {
            let (start, end) = (*len * size, (*len + count) * size);
            if bytes.len() < end {
                bytes.resize(end, 0);
            }
            (start, end)
        };
        let (key_start, key_end) = part(keys, shape.key_size);
        let (value_start, value_end) = part(values, shape.element_size());
        let keys = keys.get_mut(key_start..key_end).unwrap_or_default();
        (
            keys,
            values.get_mut(value_start..value_end).unwrap_or_default(),
        )
    }

    /// Counts `count` of the entries for which there was room as read.
    pub(super) fn advance(&mut self, count: usize) {
        self.len += count;
    }
}

impl<'a> Entry<'a> {
    /// The value of each possible CPU, in the order of [`crate::kernel::cpus::possible`].
    pub fn values(&self) -> impl ExactSizeIterator<Item = &'a [u8]> + use<'a> {
        let size = self.shape.value_size;
        self.values
            .chunks(self.shape.stride.max(1))
            .map(move |value| value.get(..size).unwrap_or_default())
    }

    /// The first CPU's value: the only one where the map is not per CPU.
    pub fn value(&self) -> &'a [u8] {
        self.values().next().unwrap_or_default()
    }
}
