use std::path::Path;

use tracing::info_span;

use crate::config::ModuleConfig;
use crate::kernel::btf::BtfError;
use crate::kernel::{KernelBtf, Loader};
use crate::module::Module;
use crate::sweep::{ModuleReport, ModuleState, RunningModule, start};

/// What became of a module that was to be brought up.
pub struct Started {
    pub report: ModuleReport,
    /// None if none of its programs is loaded: there is nothing to sweep.
    pub running: Option<RunningModule>,
}

impl Started {
    /// Brings modules up, in their order. What keeps one from running costs that one alone.
    /// The kernel's type information is in memory meanwhile, unless there are no modules.
    pub fn all<'a>(
        modules: impl IntoIterator<Item = (&'a Module, &'a ModuleConfig)>,
        btf: Option<&Path>,
    ) -> Vec<Self> {
        let mut modules = modules.into_iter().peekable();
        if modules.peek().is_none() {
            return Vec::new();
        }
        let without = |modules: &mut dyn Iterator<Item = (&'a Module, &'a ModuleConfig)>,
                       state,
                       reason: String| {
            let idle = |(module, _)| Self::without_programs(module, state, reason.clone());
            modules.map(idle).collect()
        };
        let kernel = match KernelBtf::open(btf) {
            Ok(kernel) => kernel,
            Err(error @ BtfError::Absent { .. }) => {
                return without(&mut modules, ModuleState::Unsupported, error.to_string());
            }
            Err(error) => return without(&mut modules, ModuleState::Failed, error.to_string()),
        };
        let mut loader = match Loader::new(&kernel) {
            Ok(loader) => loader,
            Err(error) => return without(&mut modules, ModuleState::Failed, error.to_string()),
        };
        let one = |(module, settings): (&'a Module, &'a ModuleConfig)| {
            let name = &*module.manifest.name;
            let _span = info_span!(target: "geophone", "attach", module = name).entered();
            match start(module, settings, &mut loader) {
                Ok(running) => Self {
                    report: running.report.clone(),
                    running: running.has_programs().then_some(running),
                },
                Err(error) => {
                    Self::without_programs(module, ModuleState::Failed, error.to_string())
                }
            }
        };
        modules.map(one).collect()
    }

    fn without_programs(module: &Module, state: ModuleState, reason: String) -> Self {
        Self {
            report: idle(module, state, reason),
            running: None,
        }
    }
}

/// The report of a module of which nothing is loaded.
pub fn idle(module: &Module, state: ModuleState, reason: String) -> ModuleReport {
    let manifest = &module.manifest;
    ModuleReport::idle(&manifest.name, &manifest.summary, state, reason)
}
