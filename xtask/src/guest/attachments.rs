//! Where the programs attach on this kernel, as the daemon itself tells.

use std::process::Command;

use anyhow::{Context as _, Result};
use geophone_test_support::process::unconfigured;
use serde::Deserialize;

use crate::grid::Attachment;
use crate::vm::image::DAEMON;

#[derive(Deserialize)]
struct Diagnosis {
    modules: Vec<Module>,
}

#[derive(Deserialize)]
struct Module {
    name: String,
    reason: String,
    programs: Vec<Program>,
}

#[derive(Deserialize)]
struct Program {
    name: String,
    hook: String,
    reason: String,
}

/// With every module switched on; those that measure drivers need them loaded.
pub fn read() -> Result<Vec<Attachment>> {
    let mut doctor: Command = unconfigured(DAEMON);
    let modules = ["cudart", "hip", "nccl"].map(|module| format!("--module.{module}"));
    let output = doctor
        .args(["doctor", "--format", "json"])
        .args(modules)
        .output()?;
    let diagnosis: Diagnosis = serde_json::from_slice(&output.stdout)
        .with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())?;
    Ok(diagnosis.modules.into_iter().flat_map(of_module).collect())
}

/// Of each program; of the module as a whole where none was tried.
fn of_module(module: Module) -> Vec<Attachment> {
    if module.programs.is_empty() {
        return vec![Attachment {
            module: module.name,
            program: String::new(),
            hook: String::new(),
            reason: module.reason,
        }];
    }
    let of_program = |program: Program| Attachment {
        module: module.name.clone(),
        program: program.name,
        hook: program.hook,
        reason: program.reason,
    };
    module.programs.into_iter().map(of_program).collect()
}
