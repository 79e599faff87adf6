use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::kernel::{Entries, MapError, MapHandle};

/// Processes that the programs of modules want looked at: one that is not known yet has called
/// a library, or one has opened a device. They leave their ids in arrays, from which they are
/// taken here.
#[derive(Debug, Clone, Default)]
pub struct Attention(Arc<Mutex<BTreeMap<String, Vec<MapHandle>>>>);

impl Attention {
    /// From now on a module's programs have these arrays, and no others.
    pub fn put(&self, module: &str, arrays: Vec<MapHandle>) {
        let mut modules = self.lock();
        if arrays.is_empty() {
            modules.remove(module);
        } else {
            modules.insert(module.to_owned(), arrays);
        }
    }

    /// Takes all that are there. One that comes while it is taken may be lost, and comes again
    /// when it does the same again.
    ///
    /// # Errors
    ///
    /// The kernel's first refusal; what others hold is taken nevertheless.
    pub(super) fn take(&self, entries: &mut Entries) -> (Vec<u32>, Result<(), MapError>) {
        let mut taken = Vec::new();
        let mut result = Ok(());
        for array in self.lock().values().flatten() {
            let mut places = Vec::new();
            let read = array.read_each(entries, |entry| {
                let Ok(id) = <[u8; 8]>::try_from(entry.value()) else {
                    return;
                };
                match u32::try_from(u64::from_ne_bytes(id)) {
                    Ok(0) | Err(_) => {}
                    Ok(id) => {
                        taken.push(id);
                        places.push(entry.key.to_vec());
                    }
                }
            });
            result = result.and(read);
            for place in places {
                result = result.and(array.set(&place, &[0; 8]));
            }
        }
        (taken, result)
    }

    /// No step under the lock leaves it half changed, so a poisoned one is whole.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Vec<MapHandle>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
