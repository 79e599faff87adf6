use tracing::{error, info, warn};

use crate::attach::Attacher;
use crate::config::{Config, Enabled, Loaded, ModuleConfig};
use crate::kernel::btf::BtfError;
use crate::kernel::{KernelBtf, Loader, missing_capabilities, release_memory};
use crate::module::{Catalogue, Module};
use crate::sweep::{ModuleReport, ModuleState, RunningModule, foresee, start};

use super::DaemonError;

/// The modules that run, and what became of each.
pub struct Modules {
    pub running: Vec<RunningModule>,
    /// Of those that attach to functions of libraries.
    pub attachers: Vec<Attacher>,
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
pub fn bring_up(loaded: &Loaded) -> Result<Modules, DaemonError> {
    let Loaded {
        config, catalogue, ..
    } = loaded;
    let enabled = |module: &Module| settings(config, module).is_some();
    if !catalogue.iter().any(|module| enabled(module)) {
        return Err(DaemonError::NothingEnabled);
    }
    let modules = with_loader(config, catalogue);
    // The kernel's type information was the largest thing we will ever hold.
    release_memory();
    for report in &modules.reports {
        log(report, is_required(config, report));
    }
    if !modules.reports.iter().any(measures) {
        error!("no module is active: nothing is measured; geophone doctor says what would help");
    }
    Ok(modules)
}

/// Whether anything of a module is attached, or will be once there is something to attach to.
fn measures(report: &ModuleReport) -> bool {
    use ModuleState::{Active, Degraded, Waiting};
    matches!(report.state, Active | Degraded | Waiting)
}

/// Whether the configuration says that a module must run.
fn is_required(config: &Config, report: &ModuleReport) -> bool {
    let settings = config.modules.get(&report.name);
    settings.is_some_and(|settings| settings.enabled == Enabled::Yes)
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

fn with_loader(config: &Config, catalogue: &Catalogue) -> Modules {
    let without = |state, reason: String| without_loader(config, catalogue, state, &reason);
    let kernel = match KernelBtf::open(config.btf.as_deref()) {
        Ok(kernel) => kernel,
        Err(error @ BtfError::Absent { .. }) => {
            return without(ModuleState::Unsupported, error.to_string());
        }
        Err(error) => return without(ModuleState::Failed, error.to_string()),
    };
    let mut loader = match Loader::new(&kernel) {
        Ok(loader) => loader,
        Err(error) => return without(ModuleState::Failed, error.to_string()),
    };
    let mut modules = Modules {
        running: Vec::new(),
        attachers: Vec::new(),
        reports: Vec::new(),
    };
    for module in catalogue.iter() {
        let Some(settings) = settings(config, module) else {
            modules.reports.push(disabled(module));
            continue;
        };
        match start(module, settings, &mut loader) {
            Ok(mut running) => {
                modules.attachers.extend(running.attacher.take());
                modules.reports.push(running.report.clone());
                // A module without any program has nothing to sweep.
                if running.has_programs() {
                    modules.running.push(running);
                }
            }
            Err(error) => {
                modules
                    .reports
                    .push(idle(module, ModuleState::Failed, error.to_string()));
            }
        }
    }
    modules
}

/// Reports on every module without loading any, for who has no right to.
pub fn foresee_all(loaded: &Loaded) -> Vec<ModuleReport> {
    let Loaded {
        config, catalogue, ..
    } = loaded;
    let kernel = match KernelBtf::open(config.btf.as_deref()) {
        Ok(kernel) => kernel,
        Err(error) => {
            let (state, reason) = (ModuleState::Unsupported, error.to_string());
            return without_loader(config, catalogue, state, &reason).reports;
        }
    };
    let report = |module: &Module| match settings(config, module) {
        None => disabled(module),
        Some(settings) => foresee(module, settings, &kernel)
            .unwrap_or_else(|error| idle(module, ModuleState::Failed, error.to_string())),
    };
    catalogue.iter().map(|module| report(module)).collect()
}

fn without_loader(
    config: &Config,
    catalogue: &Catalogue,
    state: ModuleState,
    reason: &str,
) -> Modules {
    let report = |module: &Module| match settings(config, module) {
        Some(_) => idle(module, state, reason.to_owned()),
        None => disabled(module),
    };
    let reports = catalogue.iter().map(|module| report(module)).collect();
    Modules {
        running: Vec::new(),
        attachers: Vec::new(),
        reports,
    }
}

/// The settings of a module that is enabled.
fn settings<'a>(config: &'a Config, module: &Module) -> Option<&'a ModuleConfig> {
    let settings = config.modules.get(&module.manifest.name)?;
    (settings.enabled != Enabled::No).then_some(settings)
}

fn disabled(module: &Module) -> ModuleReport {
    idle(
        module,
        ModuleState::Disabled,
        "disabled by the configuration".to_owned(),
    )
}

fn idle(module: &Module, state: ModuleState, reason: String) -> ModuleReport {
    ModuleReport::idle(
        &module.manifest.name,
        &module.manifest.summary,
        state,
        reason,
    )
}

/// One line for each module.
fn log(report: &ModuleReport, required: bool) {
    let (attached, of) = report.attached();
    let hooks: Vec<&str> = report
        .programs
        .iter()
        .map(|program| &*program.hook)
        .filter(|hook| !hook.is_empty())
        .collect();
    let hooks = hooks.join(" ");
    let ModuleReport {
        name,
        state,
        reason,
        ..
    } = report;
    let programs = format!("{attached}/{of}");
    match state {
        ModuleState::Active => info!(module = %name, %state, %programs, %hooks, "module active"),
        ModuleState::Waiting => info!(module = %name, %state, %hooks, %reason, "module waiting"),
        ModuleState::Disabled => info!(module = %name, %state, "module disabled"),
        _ if required => {
            error!(module = %name, %state, %programs, %hooks, %reason, "module required, but not active");
        }
        ModuleState::Unsupported => info!(module = %name, %state, %reason, "module unsupported"),
        ModuleState::Failed if of == 0 => warn!(module = %name, %state, %reason, "module failed"),
        _ => warn!(module = %name, %state, %programs, %hooks, %reason, "module not fully active"),
    }
    for program in report.programs.iter().filter(|program| program.fell_back) {
        let (hook, reason) = (&program.hook, program.passed_over.join("; "));
        warn!(module = %name, program = program.name, %hook, %reason, "program on a fall-back");
    }
}
