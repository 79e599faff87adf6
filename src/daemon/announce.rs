use tracing::{error, info, warn};

use crate::sweep::{ModuleReport, ModuleState};

/// Says what became of a module, in one line, with one more for each program on a fall-back.
pub fn announce(report: &ModuleReport, required: bool) {
    let (attached, of) = report.attached();
    let hooks = report.hooks().collect::<Vec<_>>().join(" ");
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
