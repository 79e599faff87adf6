use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::SystemTime;

use tracing::{debug, warn};

use super::holdings::Holdings;
use super::keyring::{Keyring, Meaning};
use super::metric::BoundMetric;
use super::places::Places;
use super::population::Population;
use super::report::ModuleReport;
use super::sweepable::{Buffers, Sweepable};
use super::tally::Tally;
use super::usage::Usage;
use crate::attach::{Attacher, Status};
use crate::introspect::{
    DISCOVERY_ERRORS, FOLDED, Families, PROGRAM_ATTACHED, PROGRAM_MISSED, PROGRAM_RUN_SECONDS,
    PROGRAM_RUNS,
};
use crate::kernel::{Attached, Entry, MapError, MapHandle, Module, Program};
use crate::snapshot::Family;

/// A loaded module and how its maps become families.
pub struct RunningModule {
    pub report: ModuleReport,
    pub(super) module: Module,
    pub(super) since: SystemTime,
    pub(super) populations: Vec<Population>,
    pub(super) maps: Vec<SweptMap>,
    pub(super) holdings: Vec<Holdings>,
    pub(super) places: Vec<Places>,
    pub(super) usage: Usage,
    /// Maps that the settings switch off: there is nothing in them.
    pub(super) unwanted: BTreeSet<String>,
    /// Labels of the possible CPUs.
    pub(super) cpus: Vec<Arc<str>>,
    /// The complaint of the last sweep: said once, not at every sweep.
    pub(super) complaint: String,
    /// What is attached to functions of libraries.
    pub(super) status: Status,
    /// Attaches them, elsewhere.
    pub attacher: Option<Attacher>,
    /// Arrays of processes that the programs want looked at.
    pub attention: Vec<MapHandle>,
}

/// A map that metrics are read from.
pub(super) struct SweptMap {
    pub name: String,
    pub keys: Keys,
    pub metrics: Vec<BoundMetric>,
    /// For each metric the programs that must be at a function of some library for it to be
    /// exported.
    pub at_library: Vec<Vec<String>>,
}

/// What the keys of a map mean.
pub(super) enum Keys {
    /// There is one record.
    None,
    Ring(Keyring),
    Tally(Tally),
}

impl Sweepable for RunningModule {
    fn name(&self) -> &str {
        &self.report.name
    }

    fn sweep(&mut self, now: SystemTime, buffers: &mut Buffers) -> Option<Vec<Arc<Family>>> {
        let mut complaints = self.follow_populations(now);
        let mut families = Some(Vec::new());
        for map in &mut self.maps {
            let fed = map.fed(&self.status);
            if !fed.contains(&true) {
                self.usage.read(&map.name, None);
                continue;
            }
            match map.read(&self.module, self.since, &self.cpus, buffers) {
                Ok(entries) => {
                    self.usage.read(&map.name, Some(entries));
                    let metrics = map.metrics.iter_mut().zip(fed);
                    // All are collected, so that none keeps this sweep's series for the next.
                    let read = metrics.map(|(metric, is_fed)| (metric.family(), is_fed));
                    let read = read.filter_map(|(family, is_fed)| is_fed.then_some(family));
                    if let Some(families) = &mut families {
                        families.extend(read);
                    }
                }
                Err(error) => {
                    self.usage.read(&map.name, None);
                    complaints.push(error.to_string());
                    families = None;
                }
            }
        }
        for held in &mut self.holdings {
            let map = self.module.maps.get(&held.name);
            let (Some(map), Some(population)) = (map, self.populations.get(held.population)) else {
                continue;
            };
            let entries = &mut buffers.entries;
            match held.sweep(map, population, &self.status, self.since, entries) {
                Ok(read) => {
                    self.usage.read(&held.name, Some(held.entries));
                    if let Some(families) = &mut families {
                        families.extend(read);
                    }
                }
                Err(error) => {
                    self.usage.read(&held.name, None);
                    complaints.push(error.to_string());
                    families = None;
                }
            }
        }
        for places in &mut self.places {
            let map = self.module.maps.get(&places.name);
            let (Some(map), Some(population)) = (map, self.populations.get(places.population))
            else {
                continue;
            };
            let (things, entries) = (population.things(), &mut buffers.entries);
            match places.sweep(map, things, &self.status, self.since, entries) {
                Ok(read) => {
                    if let Some(families) = &mut families {
                        families.extend(read);
                    }
                }
                Err(error) => {
                    complaints.push(error.to_string());
                    families = None;
                }
            }
        }
        self.complain(complaints.join("; "));
        families
    }

    fn news(&mut self) -> Option<ModuleReport> {
        // What attaches to the kernel does so at the start, once for all.
        let mut attached = self.module.programs.iter().filter_map(Program::attached);
        let losses = losses(&self.populations, &self.status);
        if !attached.any(Attached::is_at_library) && losses == self.report.losses {
            return None;
        }
        let before = &self.report;
        let report = ModuleReport::of(
            &before.name,
            &before.summary,
            &self.module.programs,
            &self.status,
            losses,
        );
        if report == *before {
            return None;
        }
        self.report = report.clone();
        Some(report)
    }

    fn tally(&mut self, buffers: &mut Buffers) {
        let is_other = |name: &str| {
            let swept = self.maps.iter().map(|map| &map.name);
            let mut swept = swept.chain(self.holdings.iter().map(|held| &held.name));
            !self.unwanted.contains(name) && swept.all(|known| known != name)
        };
        let maps = &self.module.maps;
        let refused = self.usage.tally(maps, is_other, &mut buffers.entries);
        if !refused.is_empty() {
            debug!(module = %self.report.name, reason = %refused.join("; "), "maps not counted");
        }
    }

    fn introspect(&self, families: &mut Families) {
        let module = self.report.name.as_str();
        families.count_since(self.since);
        for (program, report) in self.module.programs.iter().zip(&self.report.programs) {
            let attached = program.attached();
            let labels = [module, program.name.as_str()];
            // One that waits for its library is loaded, but at no function.
            let state = f64::from(u8::from(report.state == "attached"));
            families.gauge(
                &PROGRAM_ATTACHED,
                &[module, &program.name, &report.hook],
                state,
            );
            let Some(Ok(info)) = attached.map(Attached::info) else {
                continue;
            };
            families.seconds_counter(&PROGRAM_RUN_SECONDS, &labels, info.run_time.as_secs_f64());
            families.counter(&PROGRAM_RUNS, &labels, info.run_count);
            if let Some(missed) = info.recursion_misses {
                families.counter(&PROGRAM_MISSED, &labels, missed);
            }
        }
        self.status.introspect(module, families);
        self.usage.introspect(module, &self.module.maps, families);
        for map in &self.maps {
            let Keys::Ring(keyring) = &map.keys else {
                continue;
            };
            let population = keyring.population();
            let population = population.and_then(|index| self.populations.get(index));
            let Some(population) = population else {
                continue;
            };
            let folded = population.left_out + keyring.refused();
            for metric in &map.metrics {
                families.counter(&FOLDED, &[&metric.descriptor.name], folded);
            }
        }
        for places in &self.places {
            let population = self.populations.get(places.population);
            let folded = population.map_or(0, |population| population.left_out);
            for metric in &places.metrics {
                families.counter(&FOLDED, &[&metric.bound.descriptor.name], folded);
            }
        }
        for population in &self.populations {
            families.counter(
                &DISCOVERY_ERRORS,
                &[module, &population.label],
                population.errors,
            );
        }
    }
}

impl RunningModule {
    /// Whether any of its programs is loaded.
    pub fn has_programs(&self) -> bool {
        let mut programs = self.module.programs.iter();
        programs.any(|program| program.attached().is_some())
    }

    /// Looks for new things and creates and deletes their entries.
    fn follow_populations(&mut self, now: SystemTime) -> Vec<String> {
        let mut complaints = Vec::new();
        for population in &mut self.populations {
            if let Err(error) = population.refresh() {
                complaints.push(error.to_string());
            }
        }
        for map in &mut self.maps {
            let Keys::Ring(keyring) = &mut map.keys else {
                continue;
            };
            let population = keyring
                .population()
                .and_then(|index| self.populations.get(index));
            let (Some(population), Some(handle)) = (population, self.module.maps.get(&map.name))
            else {
                continue;
            };
            let followed = keyring.follow(population.things(), handle, now);
            complaints.extend(followed.err().map(|error| error.to_string()));
        }
        for population in &mut self.populations {
            let settled = population.settle();
            complaints.extend(settled.err().map(|error| error.to_string()));
        }
        complaints
    }

    fn complain(&mut self, complaint: String) {
        if complaint != self.complaint {
            if !complaint.is_empty() {
                warn!(module = %self.report.name, reason = %complaint, "sweep incomplete");
            }
            self.complaint = complaint;
        }
    }
}

/// What of that which a module measures cannot be found or told apart.
pub(super) fn losses(populations: &[Population], status: &Status) -> Vec<String> {
    let failures = populations.iter().map(|population| &population.failure);
    let failures = failures.filter(|failure| !failure.is_empty()).cloned();
    failures.chain(status.lock().unanswered.clone()).collect()
}

impl SweptMap {
    /// Whether each metric's programs are where they get something to measure.
    fn fed(&self, status: &Status) -> Vec<bool> {
        let is_fed = |programs: &Vec<String>| programs.iter().all(|it| status.is_attached(it));
        self.at_library.iter().map(is_fed).collect()
    }

    /// Collects the series of all its metrics. Gives the number of entries.
    fn read(
        &mut self,
        module: &Module,
        since: SystemTime,
        cpus: &[Arc<str>],
        Buffers { entries, cells }: &mut Buffers,
    ) -> Result<usize, MapError> {
        let Some(handle) = module.maps.get(&self.name) else {
            return Ok(0);
        };
        let Self { keys, metrics, .. } = self;
        let mut count = 0;
        metrics.iter_mut().for_each(BoundMetric::begin);
        if let Keys::Tally(tally) = keys {
            tally.begin();
        }
        handle.read_each(entries, |entry| {
            count += 1;
            let meaning = match keys {
                Keys::Ring(keyring) => keyring.meaning(entry.key),
                Keys::Tally(tally) => {
                    tally.add(entry.key, words(entry.value()));
                    None
                }
                Keys::None => Some(Meaning {
                    labels: Vec::new(),
                    since,
                    rank: 0,
                }),
            };
            if let Some(meaning) = meaning {
                collect(metrics, &meaning, &entry, cpus, cells);
            }
        })?;
        if let Keys::Tally(tally) = keys {
            for (meaning, cells) in tally.rows() {
                for metric in metrics.iter_mut() {
                    metric.collect(&meaning, cells, None);
                }
            }
        }
        Ok(count)
    }
}

fn collect(
    metrics: &mut [BoundMetric],
    meaning: &Meaning,
    entry: &Entry<'_>,
    cpus: &[Arc<str>],
    cells: &mut Vec<u64>,
) {
    if metrics.iter().any(BoundMetric::is_per_cpu) {
        for (cpu, (value, label)) in entry.values().zip(cpus).enumerate() {
            cells.clear();
            cells.extend(words(value));
            for metric in metrics.iter_mut().filter(|metric| metric.is_per_cpu()) {
                metric.collect(meaning, cells, Some((cpu, label)));
            }
        }
    }
    cells.clear();
    for value in entry.values() {
        cells.resize(cells.len().max(value.len() / 8), 0);
        for (sum, word) in cells.iter_mut().zip(words(value)) {
            *sum = sum.wrapping_add(word);
        }
    }
    for metric in metrics.iter_mut().filter(|metric| !metric.is_per_cpu()) {
        metric.collect(meaning, cells, None);
    }
}

fn words(value: &[u8]) -> impl Iterator<Item = u64> {
    value
        .chunks_exact(8)
        .filter_map(|word| word.try_into().ok())
        .map(u64::from_ne_bytes)
}
