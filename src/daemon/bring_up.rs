use std::sync::Arc;

use tracing::{error, info_span};

use super::DaemonError;
use super::announce::announce;
use super::follow::Followed;
use super::started::{Started, idle};
use crate::attach::{Attacher, Attention};
use crate::config::{Config, Enabled, Loaded, ModuleConfig};
use crate::discover::{Drivers, LoadedDrivers};
use crate::kernel::{KernelBtf, missing_capabilities, release_memory};
use crate::module::{Catalogue, Module};
use crate::sweep::{ModuleReport, ModuleState, RunningModule, foresee};
use crate::telemetry::integer;

/// The modules that run, and what became of each.
#[derive(Default)]
pub struct Modules {
    pub running: Vec<RunningModule>,
    /// Of those that attach to functions of libraries.
    pub attachers: Vec<Attacher>,
    /// Whom their programs want looked at.
    pub attention: Attention,
    /// Enabled ones that measure drivers, whether they run or not.
    pub followed: Vec<Followed>,
    /// Of every module of the catalogue, in its order.
    pub reports: Vec<ModuleReport>,
}

/// Says which capabilities are missing before anything is tried.
///
/// # Errors
///
/// Some are missing.
pub fn check_privileges() -> Result<(), DaemonError> {
    match missing_capabilities() {
        missing if missing.is_empty() => Ok(()),
        missing => Err(DaemonError::Privileges { missing }),
    }
}

/// Loads every enabled module. What keeps one from running costs that one alone.
///
/// # Errors
///
/// No module is enabled.
pub fn bring_up(loaded: &Loaded, drivers: &Drivers) -> Result<Modules, DaemonError> {
    let Loaded {
        config, catalogue, ..
    } = loaded;
    let enabled = |module: &Module| settings(config, module).is_some();
    let count = catalogue.iter().filter(|module| enabled(module)).count();
    if count == 0 {
        return Err(DaemonError::NothingEnabled);
    }
    let span = info_span!(target: "geophone", "bring_up", modules = integer(count));
    let modules = span.in_scope(|| start_all(config, catalogue, drivers));
    // The kernel's type information was the largest thing we will ever hold.
    release_memory();
    for report in &modules.reports {
        announce(report, is_required(config, report));
    }
    let measures = |report: &ModuleReport| report.state.measures() || report.awaits_driver;
    if !modules.reports.iter().any(measures) {
        error!("no module is active: nothing is measured; geophone doctor says what would help");
    }
    Ok(modules)
}

fn start_all(config: &Config, catalogue: &Catalogue, drivers: &Drivers) -> Modules {
    let plans: Vec<(&Arc<Module>, Plan<'_>)> = catalogue
        .iter()
        .map(|module| (module, plan(config, drivers, module)))
        .collect();
    let to_start = plans.iter().filter_map(|(module, plan)| match plan {
        Plan::Start { settings, .. } => Some((&***module, *settings)),
        Plan::Leave(_) => None,
    });
    let mut started = Started::all(to_start, config.btf.as_deref()).into_iter();
    let mut modules = Modules::default();
    for (module, plan) in plans {
        let (report, loaded) = match plan {
            Plan::Leave(report) => (report, LoadedDrivers::default()),
            Plan::Start { drivers, .. } => {
                let Some(Started { report, running }) = started.next() else {
                    continue;
                };
                modules.running.extend(running);
                (report, drivers)
            }
        };
        if let Some(settings) = settings(config, module)
            && !module.manifest.drivers.is_empty()
        {
            modules.followed.push(Followed {
                module: Arc::clone(module),
                settings: settings.clone(),
                drivers: loaded,
                report: report.clone(),
            });
        }
        modules.reports.push(report);
    }
    let attachers = modules.running.iter_mut();
    modules.attachers = attachers.filter_map(|it| it.attacher.take()).collect();
    for module in &mut modules.running {
        let arrays = std::mem::take(&mut module.attention);
        modules.attention.put(&module.report.name, arrays);
    }
    modules
}

/// Whether the configuration says that a module must run.
fn is_required(config: &Config, report: &ModuleReport) -> bool {
    let settings = config.modules.get(&report.name);
    settings.is_some_and(|settings| settings.enabled == Enabled::Yes)
}

/// Whether nothing is wrong with a module, as far as the configuration goes.
pub fn is_fine(config: &Config, report: &ModuleReport) -> bool {
    let may_be_missing = report.awaits_driver && !is_required(config, report);
    let is_whole = report.state.is_ready() && report.losses.is_empty();
    is_whole || report.state == ModuleState::Disabled || may_be_missing
}

/// Fails if a module that must run is not active.
///
/// # Errors
///
/// Names every such module, with its state.
pub fn check_required(config: &Config, reports: &[ModuleReport]) -> Result<(), DaemonError> {
    let missing = reports
        .iter()
        .filter(|report| is_required(config, report) && !report.state.is_ready());
    let modules: Vec<String> = missing
        .map(|report| format!("{} ({})", report.name, report.state))
        .collect();
    if modules.is_empty() {
        Ok(())
    } else {
        Err(DaemonError::Required { modules })
    }
}

/// Reports on every module without loading any, for who has no right to.
pub fn foresee_all(loaded: &Loaded, drivers: &Drivers) -> Vec<ModuleReport> {
    let Loaded {
        config, catalogue, ..
    } = loaded;
    let kernel = KernelBtf::open(config.btf.as_deref());
    let report = |module: &Module| {
        let settings = match plan(config, drivers, module) {
            Plan::Start { settings, .. } => settings,
            Plan::Leave(report) => return report,
        };
        match &kernel {
            Ok(kernel) => foresee(module, settings, kernel)
                .unwrap_or_else(|error| idle(module, ModuleState::Failed, error.to_string())),
            Err(error) => idle(module, ModuleState::Unsupported, error.to_string()),
        }
    };
    catalogue.iter().map(|module| report(module)).collect()
}

/// What is to be done with a module.
enum Plan<'a> {
    Start {
        settings: &'a ModuleConfig,
        /// As they are before it starts, so that no change of them is missed.
        drivers: LoadedDrivers,
    },
    /// There is no use in trying.
    Leave(ModuleReport),
}

fn plan<'a>(config: &'a Config, drivers: &Drivers, module: &Module) -> Plan<'a> {
    let Some(settings) = settings(config, module) else {
        let name = &module.manifest.name;
        let reason = if module.manifest.on_by_default {
            "disabled by the configuration".to_owned()
        } else {
            format!("off unless switched on: --module.{name}, or enabled in [modules.{name}]")
        };
        return Plan::Leave(idle(module, ModuleState::Disabled, reason));
    };
    let names = &module.manifest.drivers;
    let loaded = drivers.loaded(names);
    if loaded.is_empty() && !names.is_empty() {
        return Plan::Leave(without_driver(module, drivers));
    }
    Plan::Start {
        settings,
        drivers: loaded,
    }
}

/// The settings of a module that is enabled.
fn settings<'a>(config: &'a Config, module: &Module) -> Option<&'a ModuleConfig> {
    let settings = config.modules.get(&module.manifest.name)?;
    (settings.enabled != Enabled::No).then_some(settings)
}

/// The report of a module of whose drivers none is loaded.
pub fn without_driver(module: &Module, drivers: &Drivers) -> ModuleReport {
    let manifest = &module.manifest;
    let reason = drivers.absence(&manifest.drivers);
    ModuleReport::without_driver(&manifest.name, &manifest.summary, reason)
}
