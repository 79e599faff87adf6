use std::sync::Arc;
use std::time::{Instant, SystemTime};

use super::running::Swept;
use crate::snapshot::Snapshot;

/// What the sweeping thread and those who ask share.
#[derive(Debug)]
pub(super) struct State {
    /// The last complete sweep, and when it ended.
    pub last: Option<(Instant, Arc<Snapshot>)>,
    /// Someone asks for a sweep.
    pub wanted: bool,
    pub stopping: bool,
    /// The sweep that runs now, with the modules that it has read.
    pub running: Option<Progress>,
    /// Scrapes answered before their sweep was done.
    pub partial: u64,
}

#[derive(Debug)]
pub(super) struct Progress {
    pub taken: SystemTime,
    pub done: Vec<Swept>,
}

impl State {
    pub fn new() -> Self {
        Self {
            last: None,
            wanted: false,
            stopping: false,
            running: None,
            partial: 0,
        }
    }
}
