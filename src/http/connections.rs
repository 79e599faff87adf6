use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::counters::{Counters, Refusal};
use super::phase::Phase;

/// The connections that are open through all listeners, and which of them goes when one more
/// wants to come: clients that do nothing shall not keep out those who ask.
#[derive(Debug)]
pub(super) struct Connections {
    most: usize,
    open: Mutex<Vec<Arc<Occupant>>>,
    counters: Arc<Counters>,
}

#[derive(Debug, Default)]
struct Occupant {
    phase: Arc<Phase>,
    evicted: Notify,
}

/// A connection's place among those that may be open, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    connections: Arc<Connections>,
    occupant: Arc<Occupant>,
}

impl Connections {
    pub(super) fn new(most: usize, counters: Arc<Counters>) -> Self {
        Self {
            most,
            open: Mutex::default(),
            counters,
        }
    }

    /// A place for a new connection: a free one, or that of the connection that has waited
    /// longest for a request or for the rest of one. None while all of them answer.
    pub(super) fn admit(self: &Arc<Self>) -> Option<Place> {
        let mut open = self.lock();
        if open.len() >= self.most {
            let waiting = open.iter().enumerate();
            let waiting = waiting.filter_map(|(index, occupant)| {
                let since = occupant.phase.waiting_since()?;
                Some((since, index))
            });
            let Some((_, index)) = waiting.min() else {
                self.counters.refused(Refusal::Limit);
                return None;
            };
            open.swap_remove(index).evicted.notify_one();
            self.counters.evicted();
        }
        let occupant = Arc::<Occupant>::default();
        open.push(Arc::clone(&occupant));
        Some(Place {
            connections: Arc::clone(self),
            occupant,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Occupant>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    pub(super) fn phase(&self) -> &Arc<Phase> {
        &self.occupant.phase
    }

    /// Resolves once the place has been given to another connection.
    pub(super) async fn lost(&self) {
        self.occupant.evicted.notified().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.connections.lock();
        open.retain(|occupant| !Arc::ptr_eq(occupant, &self.occupant));
    }
}
