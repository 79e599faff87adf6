use super::report::{ModuleReport, ModuleState};
use super::state::Swept;
use crate::introspect::{
    Families, MODULE_STARTS, MODULE_STATE, MODULE_SWEEP_SECONDS, MODULE_SWEPT,
};

/// Every module, running or not, in the order of exposition.
#[derive(Debug)]
pub(super) struct Roster(Vec<Entry>);

#[derive(Debug)]
struct Entry {
    report: ModuleReport,
    /// How many times it was brought up.
    starts: u64,
}

impl Roster {
    /// `running` are the names of those that were brought up.
    pub fn new(reports: Vec<ModuleReport>, running: &[String]) -> Self {
        let entry = |report: ModuleReport| Entry {
            starts: u64::from(running.contains(&report.name)),
            report,
        };
        Self(reports.into_iter().map(entry).collect())
    }

    pub fn reports(&self) -> Vec<ModuleReport> {
        self.0.iter().map(|entry| entry.report.clone()).collect()
    }

    /// Where a module stands; behind all if it is not known.
    pub fn position(&self, module: &str) -> usize {
        let mut entries = self.0.iter();
        let position = entries.position(|entry| entry.report.name == module);
        position.unwrap_or(self.0.len())
    }

    /// Takes in what has become of a module.
    pub fn update(&mut self, report: ModuleReport) {
        self.replace(report, false);
    }

    /// Takes in that a module was brought up anew, or that it ended.
    pub fn replace(&mut self, report: ModuleReport, is_running: bool) {
        let mut entries = self.0.iter_mut();
        if let Some(entry) = entries.find(|entry| entry.report.name == report.name) {
            entry.report = report;
            entry.starts += u64::from(is_running);
        }
    }

    /// Says how every module fares. Gives those that run and are not among the `swept`.
    pub fn introspect(&self, swept: &[Swept], families: &mut Families) -> Vec<String> {
        let mut late = Vec::new();
        for Entry { report, starts } in &self.0 {
            let name = report.name.as_str();
            for state in ModuleState::ALL {
                let is = f64::from(u8::from(report.state == state));
                families.gauge(&MODULE_STATE, &[name, state.as_str()], is);
            }
            if report.state != ModuleState::Disabled {
                families.counter(&MODULE_STARTS, &[name], *starts);
            }
            if !report.state.measures() {
                continue;
            }
            let swept = swept.iter().find(|swept| swept.module == name);
            let read = swept.is_some_and(|swept| swept.families.is_some());
            families.gauge(&MODULE_SWEPT, &[name], f64::from(u8::from(read)));
            match swept {
                Some(swept) => families.gauge(&MODULE_SWEEP_SECONDS, &[name], swept.seconds),
                None => late.push(name.to_owned()),
            }
        }
        late
    }
}
