//! Ways in for `tests/fuzz`.

use std::sync::Arc;
use std::time::SystemTime;

use super::metric::{BoundMetric, Reading};
use super::tally::Tally;
use crate::kernel::layout::{Field, MapLayout, Shape};
use crate::snapshot::{Descriptor, Family};

/// The family of a counter whose labels are the names in the keys of a map, each of so many
/// bytes: what it becomes with these entries.
///
/// # Errors
///
/// The metric has other labels than there are names: which.
pub fn tally<'a>(
    descriptor: &Arc<Descriptor>,
    name_sizes: &[usize],
    entries: impl Iterator<Item = (&'a [u8], u64)>,
) -> Result<Arc<Family>, String> {
    let mut key_size = 0;
    let names = descriptor.labels.iter().zip(name_sizes);
    let key = names.map(|(name, &size)| {
        let offset = key_size;
        key_size += size;
        Field {
            name: name.clone(),
            offset,
            size,
            shape: Shape::Opaque,
            members: Vec::new(),
        }
    });
    let layout = MapLayout {
        max_entries: 0,
        key: key.collect(),
        key_size,
        per_cpu: false,
        value_size: size_of::<u64>(),
        value: Vec::new(),
    };
    let mut tally = Tally::new(&descriptor.labels, &layout, SystemTime::UNIX_EPOCH)?;
    for (key, count) in entries {
        tally.add(key, std::iter::once(count));
    }
    let mut metric = BoundMetric::new(Arc::clone(descriptor), Reading::of_one_cell());
    for (meaning, cells) in tally.rows() {
        metric.collect(&meaning, cells, None);
    }
    Ok(metric.family())
}
