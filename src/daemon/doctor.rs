use std::fmt;

use serde::Serialize;

use super::DaemonError;
use super::bring_up::{bring_up, foresee_all, is_fine};
use super::search::search;
use crate::config::Loaded;
use crate::discover::Drivers;
use crate::kernel::{Feature, Host, Standing, missing_capabilities};
use crate::sweep::{ModuleReport, ModuleState};

/// What `geophone doctor` found: the machine, then every module as it really loaded and
/// attached for a moment.
#[derive(Debug, Serialize)]
pub struct Diagnosis {
    pub version: &'static str,
    pub host: Vec<Feature>,
    /// Where they were not tried, what the kernel's type information tells of each.
    pub modules: Vec<ModuleDiagnosis>,
    /// Why the modules were not tried; empty if they were.
    pub not_tried: String,
    /// Whether every enabled module is fully there, or waits for what it is for.
    #[serde(skip)]
    pub is_healthy: bool,
}

/// A module, and what it takes.
#[derive(Debug, Serialize)]
pub struct ModuleDiagnosis {
    #[serde(flatten)]
    pub report: ModuleReport,
    /// Capabilities, and what it can do without.
    pub needs: String,
}

/// Looks at the machine, and loads and attaches every enabled module to see whether it can:
/// to the libraries that there are, too.
pub fn diagnose(loaded: &Loaded) -> Diagnosis {
    let drivers = Drivers::of_kernel();
    let host = Host::read(loaded.config.btf.as_deref()).features();
    let missing = missing_capabilities();
    let (modules, not_tried) = if missing.is_empty() {
        match bring_up(loaded, &drivers) {
            Ok(mut modules) => match search(&mut modules) {
                Ok(()) => (modules.reports, String::new()),
                Err(error) => (modules.reports, DaemonError::Runtime(error).to_string()),
            },
            Err(error) => (Vec::new(), error.to_string()),
        }
    } else {
        let missing = missing.join(" and ");
        (
            foresee_all(loaded, &drivers),
            format!("missing {missing}: run it as root (sudo geophone doctor)"),
        )
    };
    let mut reports = modules.iter();
    let fine = reports.all(|report| is_fine(&loaded.config, report));
    let with_needs = |report: ModuleReport| {
        let module = loaded.catalogue.get(&report.name);
        let needs = module.map(|module| module.manifest.needs());
        ModuleDiagnosis {
            report,
            needs: needs.unwrap_or_default(),
        }
    };
    Diagnosis {
        version: env!("CARGO_PKG_VERSION"),
        host,
        is_healthy: fine && not_tried.is_empty(),
        modules: modules.into_iter().map(with_needs).collect(),
        not_tried,
    }
}

impl fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "geophone {}\n\nmachine", self.version)?;
        for feature in &self.host {
            let mark = match feature.standing {
                Standing::Fine => "ok",
                Standing::Limited => "limited",
                Standing::Prohibitive => "MISSING",
            };
            writeln!(f, "  {mark:<8} {:<24} {}", feature.name, feature.value)?;
            if !feature.remedy.is_empty() {
                writeln!(f, "  {:<8} {:<24} -> {}", "", "", feature.remedy)?;
            }
        }
        writeln!(f, "\nmodules")?;
        if !self.not_tried.is_empty() {
            writeln!(f, "  not tried: {}", self.not_tried)?;
        }
        for ModuleDiagnosis { report, needs } in &self.modules {
            let (attached, of) = report.attached();
            let programs = match report.state {
                _ if of == 0 => String::new(),
                ModuleState::Untried => format!("{of} programs"),
                _ => format!("{attached} of {of} programs attach"),
            };
            writeln!(f, "  {:<12} {:<18} {programs}", report.state, report.name)?;
            if report.programs.is_empty() && !report.reason.is_empty() {
                writeln!(f, "  {:<12} -> {}", "", report.reason)?;
            }
            if report.state != ModuleState::Disabled && !needs.is_empty() {
                writeln!(f, "    {:<12} {needs}", "needs")?;
            }
            for program in &report.programs {
                let how = if program.reason.is_empty() {
                    &program.hook
                } else {
                    &program.reason
                };
                writeln!(f, "    {:<12} {:<24} {how}", program.state, program.name)?;
                for better in &program.passed_over {
                    writeln!(f, "    {:<12} {:<24} not {better}", "", "")?;
                }
            }
            for loss in &report.losses {
                writeln!(f, "    {:<12} {loss}", "lost")?;
            }
        }
        Ok(())
    }
}
