use std::sync::Arc;
use std::time::Instant;

use tokio::sync::watch;

use crate::http::{MapStatus, ModuleStatus, ProgramStatus, Source, Status};
use crate::introspect::{MAP_BYTES, MAP_CAPACITY, MAP_ENTRIES};
use crate::service::Sweeps;
use crate::snapshot::{Snapshot, SnapshotSource, Value};
use crate::sweep::{ModuleReport, ModuleState, Sweeper};

/// What the web side shows: snapshots of the sweeper and the reports of the modules.
pub struct SweepSource {
    sweeper: Sweeper,
}

impl SweepSource {
    pub fn new(sweeper: Sweeper) -> Self {
        Self { sweeper }
    }
}

impl SnapshotSource for SweepSource {
    async fn snapshot(&self, deadline: Option<Instant>) -> Arc<Snapshot> {
        self.sweeper.snapshot(deadline).await
    }
}

impl Source for SweepSource {
    fn modules(&self) -> Vec<String> {
        self.sweeper
            .reports()
            .iter()
            .map(|report| report.name.clone())
            .collect()
    }

    fn ready(&self) -> bool {
        self.sweeper.is_ready()
    }

    fn status(&self) -> Status {
        let last = self.sweeper.last();
        let module = |report: &ModuleReport| ModuleStatus {
            name: report.name.clone(),
            state: report.state.to_string(),
            summary: report.summary.clone(),
            reason: some(&report.reason),
            programs: report.programs.iter().map(program).collect(),
            maps: last
                .as_ref()
                .map(|last| maps(last, &report.name))
                .unwrap_or_default(),
        };
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            modules: self.sweeper.reports().iter().map(module).collect(),
        }
    }
}

impl Sweeps for SweepSource {
    fn count(&self) -> watch::Receiver<u64> {
        self.sweeper.count()
    }

    fn ask(&self) {
        self.sweeper.ask();
    }

    fn status(&self) -> String {
        summary(&self.sweeper.reports())
    }
}

/// How many modules are in each state, and which they are where that is not as it should be.
fn summary(reports: &[ModuleReport]) -> String {
    let told = ModuleState::ALL
        .into_iter()
        .filter(|state| *state != ModuleState::Disabled);
    let state = |state: ModuleState| {
        let names = reports.iter().filter(|report| report.state == state);
        let names: Vec<&str> = names.map(|report| report.name.as_str()).collect();
        match state {
            _ if names.is_empty() => None,
            ModuleState::Degraded | ModuleState::Failed => {
                Some(format!("{} {state} ({})", names.len(), names.join(", ")))
            }
            _ => Some(format!("{} {state}", names.len())),
        }
    };
    format!(
        "modules: {}",
        told.filter_map(state).collect::<Vec<_>>().join(", ")
    )
}

fn program(program: &crate::sweep::ProgramReport) -> ProgramStatus {
    ProgramStatus {
        name: program.name.clone(),
        state: program.state.to_owned(),
        hook: some(&program.hook),
        reason: some(&program.reason),
    }
}

/// The maps as the last sweep saw them: its own metrics say so.
fn maps(last: &Snapshot, module: &str) -> Vec<MapStatus> {
    let gauge = |metric: &str, map: &str| {
        let family = last
            .families
            .iter()
            .find(|family| family.descriptor.name == metric)?;
        let matches = |labels: &[Arc<str>]| labels.iter().map(|label| &**label).eq([module, map]);
        let series = family
            .series
            .iter()
            .find(|series| matches(&series.labels))?;
        match series.value {
            // Whole and not negative: the sweep made them from u64.
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            Value::Gauge(value) => Some(value as u64),
            _ => None,
        }
    };
    let capacity = last
        .families
        .iter()
        .find(|family| family.descriptor.name == MAP_CAPACITY.name);
    let series = capacity.into_iter().flat_map(|family| &family.series);
    let own = series.filter(|series| {
        series
            .labels
            .first()
            .is_some_and(|label| **label == *module)
    });
    own.filter_map(|series| series.labels.get(1))
        .map(|map| MapStatus {
            name: map.to_string(),
            entries: gauge(MAP_ENTRIES.name, map),
            capacity: gauge(MAP_CAPACITY.name, map).unwrap_or(0),
            bytes: gauge(MAP_BYTES.name, map).unwrap_or(0),
        })
        .collect()
}

fn some(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(name: &str, state: ModuleState) -> ModuleReport {
        ModuleReport::idle(name, "", state, String::new())
    }

    #[test]
    fn the_summary_names_what_is_not_as_it_should_be() {
        let reports = [
            report("tcp", ModuleState::Active),
            report("cuda", ModuleState::Disabled),
            report("dma_fence", ModuleState::Degraded),
            report("nvidia", ModuleState::Unsupported),
            report("block_io", ModuleState::Failed),
            report("runqueue", ModuleState::Active),
        ];
        let expected =
            "modules: 2 active, 1 degraded (dma_fence), 1 failed (block_io), 1 unsupported";
        assert_eq!(summary(&reports), expected);
        assert_eq!(summary(&reports[..1]), "modules: 1 active");
    }
}
