use std::sync::Arc;
use std::time::{Instant, SystemTime};

use crate::snapshot::{Family, Snapshot};

/// What the sweeping thread and those who ask share.
#[derive(Debug, Default)]
pub(super) struct State {
    /// The last complete sweep, and when it ended.
    pub last: Option<(Instant, Arc<Snapshot>)>,
    /// Someone asks for a sweep.
    pub wanted: bool,
    pub stopping: bool,
    /// The sweeping thread is done, and has let go of the modules.
    pub ended: bool,
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

/// What a sweep of one module gave.
#[derive(Debug)]
pub(super) struct Swept {
    pub module: String,
    /// None if the module could not be read.
    pub families: Option<Vec<Arc<Family>>>,
    pub seconds: f64,
}

impl Progress {
    pub fn new(taken: SystemTime) -> Self {
        Self {
            taken,
            done: Vec::new(),
        }
    }
}
