//! From a manifest, an object and settings to a running module.

mod held;
mod places;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::SystemTime;

use thiserror::Error;

use super::keyring::{Keyring, Part, PartKind};
use super::metric::{BoundMetric, Reading};
use super::plan::{limit, plan};
use super::population::{Population, Source};
use super::report::ModuleReport;
use super::running::{Keys, RunningModule, SweptMap, losses};
use super::seen::Seen;
use super::sweepable::{Buffers, Sweepable as _};
use super::tally::Tally;
use super::usage::Usage;
use crate::attach::{Attacher, Naming, Status};
use crate::config::{Filter, ModuleConfig};
use crate::discover::discovery;
use crate::kernel::layout::{LayoutError, MapLayout, Shape, layouts};
use crate::kernel::{self, LoadError, Loader, MapError, MapHandle};
use crate::module::{Discovery, Key, KeySource, Library, Manifest, Map, MapKind, Metric, Module};

/// Why a module does not run at all.
#[derive(Debug, Error)]
pub enum StartError {
    #[error(transparent)]
    Load(#[from] LoadError),
    #[error(transparent)]
    Layout(#[from] LayoutError),
    #[error(transparent)]
    Map(#[from] MapError),
    #[error("cannot tell the possible CPUs: {0}; mount sysfs at /sys")]
    Cpus(#[from] std::io::Error),
    #[error(
        "manifest and object disagree: {0}; build the object from the sources of this manifest"
    )]
    Mismatch(String),
}

/// Checks a module's object against its manifest, as far as that shows without the kernel.
///
/// # Errors
///
/// The two disagree, or the object cannot be read.
pub fn verify(module: &Module, settings: &ModuleConfig) -> Result<(), StartError> {
    let layouts = layouts(&module.object)?;
    let manifest = &*effective(&module.manifest, settings);
    let binder = Binder {
        manifest,
        settings,
        layouts: &layouts,
        cpus: 1,
        since: SystemTime::UNIX_EPOCH,
        status: Status::default(),
    };
    let populations = binder.populations()?;
    binder.maps(&populations)?;
    binder.holdings(&populations)?;
    binder.places(&populations)?;
    let plan = plan(manifest, settings, 1);
    Ok(kernel::verify(&module.object, &plan)?)
}

/// Loads a module, attaches its programs and prepares its sweeps.
///
/// # Errors
///
/// The object or its maps cannot be loaded. A program that does not load is no error: the
/// report says so.
pub fn start<'a>(
    module: &'a Module,
    settings: &ModuleConfig,
    loader: &mut Loader<'a>,
) -> Result<RunningModule, StartError> {
    let manifest = &*effective(&module.manifest, settings);
    let layouts = layouts(&module.object)?;
    let cpus = kernel::cpus::possible()?;
    let since = SystemTime::now();
    let binder = Binder {
        manifest,
        settings,
        layouts: &layouts,
        cpus: cpus.len(),
        since,
        status: Status::default(),
    };
    let mut populations: Vec<Population> = binder.populations()?;
    let mut maps = binder.maps(&populations)?;
    let mut holdings = binder.holdings(&populations)?;
    let mut places = binder.places(&populations)?;
    let plan = plan(manifest, settings, cpus.len());
    let mut loaded = loader.load(&module.object, &plan, |handles| {
        create_entries(&mut maps, &mut populations, handles, since)
    })?;
    release_useless(manifest, settings, &mut loaded);
    for map in &mut maps {
        map.metrics
            .retain(|metric| is_fed(manifest, &metric.descriptor.name, &loaded));
        map.at_library = map
            .metrics
            .iter()
            .map(|metric| at_library(manifest, &metric.descriptor.name, &loaded))
            .collect();
    }
    let keep = |bound: &BoundMetric, programs: &mut Vec<String>| {
        *programs = at_library(manifest, &bound.descriptor.name, &loaded);
        is_fed(manifest, &bound.descriptor.name, &loaded)
    };
    for held in &mut holdings {
        held.metrics
            .retain_mut(|metric| keep(&metric.bound, &mut metric.programs));
    }
    for places in &mut places {
        places
            .metrics
            .retain_mut(|metric| keep(&metric.bound, &mut metric.programs));
    }
    places.retain(|places| !places.metrics.is_empty());
    let attacher = loaded.take_functions().map(|programs| {
        let members = manifest.maps.iter();
        let members = members.filter(|map| matches!(map.kind, MapKind::Members { .. }));
        let members = members.filter_map(|map| loaded.maps.get(&map.name)?.again().ok());
        Attacher::new(
            &manifest.name,
            manifest.libraries.clone(),
            programs,
            members.collect(),
            naming(manifest, settings),
            binder.status.clone(),
        )
    });
    let attention = manifest.maps.iter();
    let attention = attention.filter(|map| matches!(map.kind, MapKind::Attention { .. }));
    let attention = attention.filter_map(|map| loaded.maps.get(&map.name)?.again().ok());
    let attention = attention.collect();
    maps.retain(|map| !map.metrics.is_empty());
    let unwanted = manifest.maps.iter();
    let unwanted = unwanted.filter(|map| !settings.wants(map.when.as_deref()));
    let unwanted = unwanted.map(|map| map.name.clone()).collect();
    let mut running = RunningModule {
        report: ModuleReport::of(
            &manifest.name,
            &manifest.summary,
            &loaded.programs,
            &binder.status,
            losses(&populations, &binder.status),
        ),
        usage: Usage::new(&loaded.maps),
        module: loaded,
        since,
        populations,
        maps,
        holdings,
        places,
        unwanted,
        cpus: cpus.iter().map(|cpu| Arc::from(cpu.to_string())).collect(),
        complaint: String::new(),
        status: binder.status.clone(),
        attacher,
        attention,
    };
    // The first sweep shall tell what there is, too.
    running.tally(&mut Buffers::default());
    Ok(running)
}

/// How the users of the module's libraries are told apart and called.
fn naming(manifest: &Manifest, settings: &ModuleConfig) -> Naming {
    let is_on = |option: fn(&Library) -> &Option<String>| {
        let mut libraries = manifest.libraries.iter();
        libraries.any(|it| option(it).as_ref().is_some_and(|name| settings.is_on(name)))
    };
    Naming {
        short_names: is_on(|library| &library.short_names),
        per_process: is_on(|library| &library.per_process),
    }
}

/// The manifest as it is under these settings: workloads that are processes have a label more.
fn effective<'a>(manifest: &'a Manifest, settings: &ModuleConfig) -> Cow<'a, Manifest> {
    if naming(manifest, settings).per_process {
        Cow::Owned(manifest.clone().per_process())
    } else {
        Cow::Borrowed(manifest)
    }
}

/// Creates the entries of `other`, and of all that exists now: the first events shall find
/// their place. What cannot be found or created now is tried again at every sweep.
fn create_entries(
    maps: &mut [SweptMap],
    populations: &mut [Population],
    handles: &BTreeMap<String, MapHandle>,
    now: SystemTime,
) -> Result<(), MapError> {
    for population in populations.iter_mut() {
        population.open(handles)?;
        let _ = population.refresh();
    }
    for map in maps {
        let Some(handle) = handles.get(&map.name) else {
            continue;
        };
        let keyring = match &mut map.keys {
            Keys::Ring(keyring) => keyring,
            Keys::Tally(tally) => {
                tally.create_other(handle)?;
                continue;
            }
            Keys::None => continue,
        };
        keyring.create_first(handle)?;
        let population = keyring.population();
        if let Some(population) = population.and_then(|index| populations.get(index)) {
            let _ = keyring.follow(population.things(), handle, now);
        }
    }
    Ok(())
}

/// Whether every program that feeds a metric is attached: it is exported only then.
fn is_fed(manifest: &Manifest, metric: &str, loaded: &kernel::Module) -> bool {
    let mut metrics = manifest.metrics.iter();
    metrics
        .find(|each| each.name == metric)
        .is_some_and(|each| each.programs.iter().all(|it| is_attached(it, loaded)))
}

fn is_attached(program: &str, loaded: &kernel::Module) -> bool {
    let mut programs = loaded.programs.iter();
    programs.any(|each| each.name == program && each.attached().is_some())
}

/// Detaches programs of which nothing is exported, because all that they feed needs others
/// that are not attached: each event would cost, and for nothing.
fn release_useless(manifest: &Manifest, settings: &ModuleConfig, loaded: &mut kernel::Module) {
    let names: Vec<String> = loaded.programs.iter().map(|it| it.name.clone()).collect();
    for name in names {
        let metrics = manifest.metrics.iter();
        let fed = metrics.filter(|metric| metric.programs.contains(&name));
        let fed: Vec<&Metric> = fed
            .filter(|metric| settings.wants(metric.when.as_deref()))
            .collect();
        let lacking = |metric: &&Metric| {
            let mut programs = metric.programs.iter();
            programs.find(|it| !is_attached(it, loaded)).cloned()
        };
        let lacking: Option<BTreeSet<String>> = fed.iter().map(lacking).collect();
        // One that feeds nothing by itself is there for the others.
        let Some(lacking) = lacking.filter(|it| !it.is_empty()) else {
            continue;
        };
        let lacking: Vec<String> = lacking.into_iter().collect();
        let reason = format!("of no use without {}", lacking.join(", "));
        loaded.release(&name, reason);
    }
}

/// The programs that feed a metric and attach to functions of libraries.
fn at_library(manifest: &Manifest, metric: &str, loaded: &kernel::Module) -> Vec<String> {
    let mut metrics = manifest.metrics.iter();
    let programs = metrics.find(|each| each.name == metric);
    let programs = programs.map_or(&[][..], |metric| &metric.programs);
    let waits = |name: &&String| {
        let mut programs = loaded.programs.iter();
        programs.any(|program| {
            let attached = program.attached().filter(|_| program.name == **name);
            attached.is_some_and(kernel::Attached::is_at_library)
        })
    };
    programs.iter().filter(waits).cloned().collect()
}

struct Binder<'a> {
    manifest: &'a Manifest,
    settings: &'a ModuleConfig,
    layouts: &'a BTreeMap<String, MapLayout>,
    /// Possible CPUs.
    cpus: usize,
    since: SystemTime,
    /// What will be attached to libraries, and who uses them.
    status: Status,
}

impl Binder<'_> {
    /// One population for each discovered key, by its labels.
    fn populations(&self) -> Result<Vec<Population>, StartError> {
        let discovered = self.manifest.discovered().into_iter();
        let wanted = discovered.filter(|key| self.wants_labels(&key.labels));
        let each = wanted.map(|key| {
            let filters: Vec<Filter> = key
                .labels
                .iter()
                .map(|label| self.settings.filters.get(label).cloned())
                .map(|filter| filter.unwrap_or(Filter::All))
                .collect();
            let admit = Arc::new(move |label: usize, text: &str| {
                let filter = filters.get(label);
                filter.is_none_or(|filter| filter.admits(text))
            });
            let limit = limit(self.manifest, &key.labels, self.settings, self.cpus);
            let source = self.source(key)?;
            let label = key.labels.join(",");
            Ok(Population::new(&label, source, admit, limit))
        });
        each.collect()
    }

    /// Who tells what a key can be.
    fn source(&self, key: &Key) -> Result<Source, StartError> {
        if let KeySource::Discovered {
            discovery: kind, ..
        } = key.source
        {
            if kind == Discovery::Workload {
                return Ok(Source::Attached(self.status.clone()));
            }
            if let Some(discovery) = discovery(kind) {
                return Ok(Source::Found(discovery));
            }
        }
        let mut maps = self.manifest.maps.iter();
        let names = maps.find_map(|map| match &map.kind {
            MapKind::Names {
                labels, candidates, ..
            } if *labels == key.labels => Some((map.name.as_str(), candidates.as_str())),
            _ => None,
        });
        let (names, candidates) = names.unwrap_or_default();
        let seen = Seen::new(&key.labels, names, candidates, self.layouts);
        Ok(Source::Seen(Box::new(seen.map_err(StartError::Mismatch)?)))
    }

    fn wants_labels(&self, labels: &[String]) -> bool {
        let mut maps = self.manifest.maps.iter();
        maps.any(|map| {
            self.settings.wants(map.when.as_deref())
                && map.keys().iter().any(|key| key.labels == labels)
        })
    }

    /// Every map that an exported metric is read from.
    fn maps(&self, populations: &[Population]) -> Result<Vec<SweptMap>, StartError> {
        let mut maps = Vec::new();
        for map in self
            .manifest
            .maps
            .iter()
            .filter(|map| self.settings.wants(map.when.as_deref()))
            .filter(|map| !matches!(map.kind, MapKind::Held { .. } | MapKind::Places { .. }))
        {
            let metrics = self.metrics(map);
            if metrics.is_empty() {
                continue;
            }
            let layout = self.layout(map)?;
            let keys = match (map.keys(), map.tallied()) {
                ([], []) => Keys::None,
                ([], labels) => {
                    let tally = Tally::new(labels, layout, self.since);
                    let mismatch = |what| format!("map {}, a tally: {what}", map.name);
                    Keys::Tally(tally.map_err(|it| StartError::Mismatch(mismatch(it)))?)
                }
                (keys, _) => Keys::Ring(self.keyring(keys, &map.name, layout, populations)?),
            };
            let metrics = metrics.into_iter().map(|metric| self.bind(metric, layout));
            maps.push(SweptMap {
                name: map.name.clone(),
                keys,
                metrics: metrics.collect::<Result<_, _>>()?,
                at_library: Vec::new(),
            });
        }
        Ok(maps)
    }

    /// The exported metrics that are read from a map.
    fn metrics(&self, map: &Map) -> Vec<&Metric> {
        let metrics = self.manifest.metrics.iter();
        let metrics = metrics.filter(|metric| metric.map == map.name);
        metrics
            .filter(|metric| self.settings.wants(metric.when.as_deref()))
            .collect()
    }

    fn layout(&self, map: &Map) -> Result<&MapLayout, StartError> {
        let layout = self.layouts.get(&map.name);
        layout.ok_or_else(|| StartError::Mismatch(format!("the object has no map {}", map.name)))
    }

    fn keyring(
        &self,
        keys: &[Key],
        map: &str,
        layout: &MapLayout,
        populations: &[Population],
    ) -> Result<Keyring, StartError> {
        if keys.len() != layout.key.len() {
            return Err(StartError::Mismatch(format!(
                "the keys of map {map} have other fields"
            )));
        }
        let part = |key: &Key| {
            let field = layout.key.iter().find(|field| field.name == key.field);
            let field = field
                .filter(|field| matches!(field.size, 4 | 8))
                .ok_or_else(|| {
                    StartError::Mismatch(format!(
                        "the keys of map {map} have no u32 or u64 {}",
                        key.field
                    ))
                })?;
            let kind = match &key.source {
                KeySource::Discovered {
                    discovery: Discovery::Cgroup,
                    ..
                } if field.size != 8 => {
                    return Err(StartError::Mismatch(format!(
                        "the keys of map {map} have a {} that is not a u64, as cgroup ids are",
                        key.field
                    )));
                }
                KeySource::Values(values) => {
                    PartKind::Values(values.iter().map(|value| value.as_str().into()).collect())
                }
                KeySource::Discovered { .. } => {
                    let label = key.labels.join(",");
                    let index = populations.iter().position(|each| each.label == label);
                    PartKind::Discovered {
                        population: index.unwrap_or(usize::MAX),
                        labels: key.labels.len(),
                    }
                }
            };
            Ok(Part {
                offset: field.offset,
                size: field.size,
                kind,
            })
        };
        let parts: Result<Vec<Part>, StartError> = keys.iter().map(part).collect();
        Ok(Keyring::new(parts?, layout.key_size, self.since))
    }

    fn bind(&self, metric: &Metric, layout: &MapLayout) -> Result<BoundMetric, StartError> {
        let mismatch = |what: &str| {
            StartError::Mismatch(format!("{}: field {} {what}", metric.name, metric.field))
        };
        // `histogram.sum` is the exact sum as a counter.
        let (name, sum) = match metric.field.strip_suffix(".sum") {
            Some(name) => (name, true),
            None => (metric.field.as_str(), false),
        };
        let field = layout
            .field(name)
            .ok_or_else(|| mismatch("is not in the map's value"))?;
        let shape = match (field.shape, sum) {
            (Shape::Histogram, true) => Shape::Cell,
            (_, true) => return Err(mismatch("is not the sum of a histogram")),
            (shape, false) => shape,
        };
        let (length, is_histogram) = match shape {
            Shape::Cell => (1, false),
            Shape::Array(length) => (length, false),
            Shape::Histogram => (1, true),
            Shape::Histograms(length) => (length, true),
            Shape::Opaque => return Err(mismatch("is neither a u64 nor a Histogram")),
        };
        if is_histogram != (metric.kind == crate::snapshot::Kind::Histogram) {
            return Err(mismatch("does not have the shape of the metric's kind"));
        }
        if length as u64 != metric.array_length() {
            return Err(mismatch(
                "does not have as many elements as the labels have values",
            ));
        }
        let per_cpu = metric
            .per_cpu
            .as_deref()
            .is_some_and(|option| self.settings.is_on(option));
        let reading = Reading {
            offset: field.offset,
            shape,
            elements: elements(metric),
            schema: self.settings.schema,
            tick_exponent: metric.tick_exponent,
            per_cpu,
        };
        Ok(BoundMetric::new(
            self.manifest.descriptor(metric, per_cpu),
            reading,
        ))
    }
}

/// The label values of each element of an array field, outermost dimension first.
fn elements(metric: &Metric) -> Vec<Vec<Arc<str>>> {
    let mut elements: Vec<Vec<Arc<str>>> = vec![Vec::new()];
    for label in &metric.labels {
        let values: Vec<Arc<str>> = label
            .values
            .iter()
            .map(|value| value.as_str().into())
            .collect();
        let extend = |element: &Vec<Arc<str>>| {
            let with = |value: &Arc<str>| {
                let mut element = element.clone();
                element.push(Arc::clone(value));
                element
            };
            values.iter().map(with).collect::<Vec<_>>()
        };
        elements = elements.iter().flat_map(extend).collect();
    }
    elements
}
