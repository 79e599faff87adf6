use std::sync::Arc;

use super::report::ModuleReport;
use super::shared::Shared;
use super::sweepable::Sweepable;

/// Puts modules in the place of others while sweeps go on.
pub struct Exchange {
    shared: Arc<Shared>,
}

/// A module that takes the place of the one of the same name, between two sweeps.
pub(super) struct Change {
    pub report: ModuleReport,
    /// None if the module ends.
    pub module: Option<Box<dyn Sweepable>>,
    /// Gets the one that was there: to detach it takes time, which is not the sweep's.
    pub retire: Box<dyn FnOnce(Box<dyn Sweepable>) + Send>,
}

impl Exchange {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// From the next sweep on, which begins at once, the module of the report's name is
    /// `module`, or does not run. `retire` gets the one that it was till then, on the thread
    /// that sweeps.
    pub fn put(
        &self,
        report: ModuleReport,
        module: Option<impl Sweepable + 'static>,
        retire: impl FnOnce(Box<dyn Sweepable>) + Send + 'static,
    ) {
        let module = module.map(|module| Box::new(module) as Box<dyn Sweepable>);
        self.shared.change(Change {
            report,
            module,
            retire: Box::new(retire),
        });
    }
}
