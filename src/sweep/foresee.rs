use super::plan::plan;
use super::report::{ModuleReport, ModuleState, ProgramReport};
use super::start::StartError;
use crate::config::ModuleConfig;
use crate::kernel::{self, Foreseen, KernelBtf};
use crate::module::Module;

/// Reports on a module that may not be loaded: what this kernel lacks shows without.
///
/// # Errors
///
/// The object cannot be read.
pub fn foresee(
    module: &Module,
    settings: &ModuleConfig,
    kernel: &KernelBtf,
) -> Result<ModuleReport, StartError> {
    let manifest = &module.manifest;
    let cpus = kernel::cpus::possible()?;
    let plan = plan(manifest, settings, cpus.len());
    let foreseen = kernel::foresee(&module.object, &plan, kernel)?;
    let programs: Vec<ProgramReport> = foreseen.into_iter().map(program).collect();
    let lacking = programs.iter().all(|it| it.state == "unsupported");
    let state = if lacking {
        ModuleState::Unsupported
    } else {
        ModuleState::Untried
    };
    let mut report = ModuleReport::idle(&manifest.name, &manifest.summary, state, String::new());
    report.programs = programs;
    Ok(report)
}

fn program(foreseen: Foreseen) -> ProgramReport {
    let (state, hook, reason) = match foreseen.hook {
        Ok(hook) => ("untried", hook, String::new()),
        Err(reason) => ("unsupported", String::new(), reason),
    };
    ProgramReport {
        name: foreseen.name,
        state,
        hook,
        reason,
        passed_over: Vec::new(),
        fell_back: false,
        optional: false,
    }
}
