use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use tokio::sync::Notify;

use super::counters::Counters;
use crate::snapshot::Snapshot;

/// Snapshots that an endpoint has yet to take, the oldest first. The one that is being sent stays
/// at the head until it is done. Where there is no room the newest takes the place of the oldest.
#[derive(Debug)]
pub(super) struct Queue {
    state: Mutex<State>,
    changed: Notify,
    capacity: usize,
    counters: Arc<Counters>,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Arc<Snapshot>>,
    /// How many were taken from the head: the number of the one that is there.
    head: u64,
    /// Whether the one at the head is being sent, so that the sender counts what becomes of it.
    in_hand: bool,
    /// When the newest was taken that was ever offered.
    newest: Option<SystemTime>,
    closed: bool,
}

impl Queue {
    /// Room for at least one.
    pub fn new(capacity: usize, counters: Arc<Counters>) -> Self {
        Self {
            state: Mutex::default(),
            changed: Notify::new(),
            capacity: capacity.max(1),
            counters,
        }
    }

    pub fn len(&self) -> usize {
        self.state().waiting.len()
    }

    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Puts a snapshot at the end, unless it was offered already.
    pub fn offer(&self, snapshot: Arc<Snapshot>) {
        let mut state = self.state();
        if state.newest == Some(snapshot.taken) {
            return;
        }
        while state.waiting.len() >= self.capacity {
            self.displace(&mut state);
        }
        state.newest = Some(snapshot.taken);
        state.waiting.push_back(snapshot);
        drop(state);
        self.changed.notify_waiters();
    }

    /// Puts the last snapshot in the place of all others, unless it was offered already.
    pub fn close(&self, last: Option<Arc<Snapshot>>) {
        let mut state = self.state();
        if let Some(last) = last
            && state.newest != Some(last.taken)
        {
            while !state.waiting.is_empty() {
                self.displace(&mut state);
            }
            state.waiting.push_back(last);
        }
        state.closed = true;
        drop(state);
        self.changed.notify_waiters();
    }

    /// The oldest snapshot and its number, once there is one; none when there will be none.
    pub async fn head(&self) -> Option<(u64, Arc<Snapshot>)> {
        loop {
            let changed = self.changed.notified();
            {
                let mut state = self.state();
                if let Some(snapshot) = state.waiting.front().map(Arc::clone) {
                    state.in_hand = true;
                    return Some((state.head, snapshot));
                }
                if state.closed {
                    return None;
                }
            }
            changed.await;
        }
    }

    /// Whether the snapshot of that number was not displaced.
    pub fn is_head(&self, number: u64) -> bool {
        let state = self.state();
        state.head == number && !state.waiting.is_empty()
    }

    /// Takes the snapshot of that number from the head, if it is still there.
    pub fn done(&self, number: u64) {
        let mut state = self.state();
        if state.head == number {
            state.pop();
        }
    }

    /// Resolves once no more snapshots will come.
    pub async fn closed(&self) {
        loop {
            let changed = self.changed.notified();
            if self.state().closed {
                return;
            }
            changed.await;
        }
    }

    fn displace(&self, state: &mut State) {
        let is_counted = state.in_hand;
        if let Some(snapshot) = state.pop()
            && !is_counted
        {
            self.counters.displaced(snapshot.points());
        }
    }

    /// No step under the lock leaves the state half changed, so a poisoned one is whole.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn pop(&mut self) -> Option<Arc<Snapshot>> {
        let popped = self.waiting.pop_front()?;
        self.head += 1;
        self.in_hand = false;
        Some(popped)
    }
}
