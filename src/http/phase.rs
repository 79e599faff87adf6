use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

/// What a connection is doing, shared between its socket, its service and those who may close
/// it. hyper's own header timeout runs from the end of the last response, and so would end
/// idle connections too.
#[derive(Debug)]
pub(super) struct Phase(Mutex<Moment>);

/// A phase and when it began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment {
    pub(super) doing: Doing,
    pub(super) since: Instant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doing {
    /// Nothing has arrived yet.
    Fresh,
    /// A request has begun to arrive.
    Head,
    /// A request is there, and its response is being made.
    Serving,
    /// A response is on its way to the client.
    Sending,
    /// A response is out, the next request has not begun.
    Idle,
}

impl Default for Phase {
    fn default() -> Self {
        Self(Mutex::new(Moment::now(Doing::Fresh)))
    }
}

impl Phase {
    pub(super) fn get(&self) -> Moment {
        *self.lock()
    }

    /// Since when the connection has waited for a request or for the rest of one; none while
    /// it answers.
    pub(super) fn waiting_since(&self) -> Option<Instant> {
        let Moment { doing, since } = self.get();
        (!matches!(doing, Doing::Serving | Doing::Sending)).then_some(since)
    }

    pub(super) fn begin_head(&self) {
        self.change(&[Doing::Fresh, Doing::Idle], Doing::Head);
    }

    pub(super) fn begin_serving(&self) {
        *self.lock() = Moment::now(Doing::Serving);
    }

    pub(super) fn begin_sending(&self) {
        *self.lock() = Moment::now(Doing::Sending);
    }

    /// Notes that all that there was to send is sent; says whether that was a response.
    pub(super) fn end_sending(&self) -> bool {
        self.change(&[Doing::Sending], Doing::Idle)
    }

    /// Changes from one of several phases; says whether it was in one of them.
    fn change(&self, from: &[Doing], to: Doing) -> bool {
        let mut moment = self.lock();
        let changes = from.contains(&moment.doing);
        if changes {
            *moment = Moment::now(to);
        }
        changes
    }

    fn lock(&self) -> MutexGuard<'_, Moment> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Moment {
    fn now(doing: Doing) -> Self {
        Self {
            doing,
            since: Instant::now(),
        }
    }
}
