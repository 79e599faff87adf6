use crate::config::ModuleConfig;
use crate::kernel::{Plan, ProgramPlan};
use crate::module::{
    Alternative, Attach, Key, KeySource, Manifest, Map, MapKind, Metric, Program, SCHEMA,
};
use crate::snapshot::Kind;

/// What to load of a module under these settings, on a machine with so many possible CPUs.
pub(super) fn plan(manifest: &Manifest, settings: &ModuleConfig, cpus: usize) -> Plan {
    let mut globals = Vec::new();
    // Who has no histogram need not know how fine they are.
    if has_histogram(manifest) {
        globals.push((SCHEMA.to_owned(), settings.schema.to_le_bytes().to_vec()));
    }
    for option in &manifest.options {
        if let Some(global) = &option.global {
            let value = value(settings, &option.name);
            globals.push((global.clone(), value.to_le_bytes().to_vec()));
        }
    }
    let programs = manifest.programs.iter();
    let wanted = programs.filter(|each| settings.wants(each.when.as_deref()));
    let maps = manifest.maps.iter();
    Plan {
        globals,
        map_entries: maps
            .map(|map| (map.name.clone(), entries(manifest, map, settings, cpus)))
            .collect(),
        programs: wanted
            .map(|program| ProgramPlan {
                name: program.name.clone(),
                optional: program.optional,
                alternatives: alternatives(program, settings.avoid),
            })
            .collect(),
        force_alternative: None,
        without_cookies: false,
    }
}

/// The ways to have a program, those by a hook to avoid after the others.
fn alternatives(program: &Program, avoid: Option<Attach>) -> Vec<Alternative> {
    let mut alternatives = program.alternatives.clone();
    alternatives.sort_by_key(|it| Some(it.attach) == avoid);
    alternatives
}

fn has_histogram(manifest: &Manifest) -> bool {
    let mut metrics = manifest.metrics.iter();
    metrics.any(|metric| metric.kind == Kind::Histogram)
}

fn value(settings: &ModuleConfig, option: &str) -> u64 {
    let value = settings.options.get(option);
    value.map_or(0, |value| value.as_u64())
}

/// Size of a map: what its keys can be, what its option says, or a single entry where it is
/// switched off.
fn entries(manifest: &Manifest, map: &Map, settings: &ModuleConfig, cpus: usize) -> u32 {
    if !settings.wants(map.when.as_deref()) {
        return 1;
    }
    match &map.kind {
        MapKind::Record => 1,
        MapKind::Attention { max_entries }
        | MapKind::Members { max_entries, .. }
        | MapKind::Names { max_entries, .. } => *max_entries,
        MapKind::Internal {
            max_entries,
            size_option,
        }
        | MapKind::Held {
            max_entries,
            size_option,
            ..
        }
        | MapKind::Places {
            max_entries,
            size_option,
            ..
        } => {
            let option = size_option.as_deref();
            let size = option.and_then(|option| settings.integer(option));
            size.and_then(|size| u32::try_from(size).ok())
                .unwrap_or(*max_entries)
        }
        // As many as there may be series of.
        MapKind::Tally { max_entries, .. } => {
            let metrics = manifest.metrics.iter();
            let metrics = metrics.filter(|metric| metric.map == map.name);
            let widest = metrics.map(|it| series_of_an_entry(it, settings, cpus));
            let room = settings.max_series as u64 / widest.max().unwrap_or(1).max(1);
            u32::try_from(room)
                .unwrap_or(u32::MAX)
                .clamp(1, *max_entries)
        }
        MapKind::Keyed(keys) => keys.iter().fold(1_u32, |entries, key| {
            let values = match &key.source {
                KeySource::Discovered { .. } => limit(manifest, &key.labels, settings, cpus) + 1,
                KeySource::Values(values) => values.len(),
            };
            entries.saturating_mul(u32::try_from(values).unwrap_or(u32::MAX))
        }),
    }
}

/// How many things may have series of their own beside `other`, so that neither a map's
/// bound nor a metric's `max_series` is passed: the same for every map that is keyed by the
/// labels. Zero where `max_series` has no room for one.
pub(super) fn limit(
    manifest: &Manifest,
    labels: &[String],
    settings: &ModuleConfig,
    cpus: usize,
) -> usize {
    let mut limit = usize::MAX;
    let maps = manifest.maps.iter();
    for map in maps.filter(|map| settings.wants(map.when.as_deref())) {
        let Some(key) = map.keys().iter().find(|key| key.labels == labels) else {
            continue;
        };
        let KeySource::Discovered { max, .. } = key.source else {
            continue;
        };
        limit = limit.min(max as usize);
        let others = map.keys().iter().filter(|other| other.labels != labels);
        let others = others.map(Key::entries).fold(1, u64::saturating_mul);
        let metrics = manifest.metrics.iter();
        for metric in metrics.filter(|metric| metric.map == map.name) {
            if !settings.wants(metric.when.as_deref()) {
                continue;
            }
            let each = others.saturating_mul(series_of_an_entry(metric, settings, cpus));
            let room = (settings.max_series as u64 / each.max(1)).saturating_sub(1);
            limit = limit.min(usize::try_from(room).unwrap_or(usize::MAX));
        }
    }
    limit
}

fn series_of_an_entry(metric: &Metric, settings: &ModuleConfig, cpus: usize) -> u64 {
    let split = metric.per_cpu.as_deref();
    let is_split = split.is_some_and(|option| settings.is_on(option));
    let copies = if is_split { cpus as u64 } else { 1 };
    metric.array_length().saturating_mul(copies)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::config::{Config, OptionValue, Sources};
    use crate::module::Catalogue;

    fn block_io(change: impl FnOnce(&mut ModuleConfig)) -> (Manifest, ModuleConfig) {
        of("block_io", change)
    }

    fn of(module: &str, change: impl FnOnce(&mut ModuleConfig)) -> (Manifest, ModuleConfig) {
        let catalogue = Catalogue::builtin().unwrap();
        let manifest = catalogue.get(module).unwrap().manifest.clone();
        let loaded = Config::load(&Sources::default(), catalogue).unwrap();
        let mut settings = loaded.config.modules.get(module).unwrap().clone();
        change(&mut settings);
        (manifest, settings)
    }

    fn devices(max_series: usize) -> usize {
        let (manifest, settings) = block_io(|settings| settings.max_series = max_series);
        limit(&manifest, &["device".to_owned()], &settings, 8)
    }

    #[test]
    fn the_widest_metric_decides_how_many_devices_there_is_room_for() {
        // Errors have 9 series for each device, durations 5; one share is that of other.
        assert_eq!(devices(9 * 4), 3);
        assert_eq!(devices(9 * 4 - 1), 2);
        // The manifest's own bound.
        assert_eq!(devices(1_000_000), 64);
    }

    #[test]
    fn a_key_of_several_labels_has_one_share() {
        let (manifest, settings) = of("dma_fence", |settings| settings.max_series = 3);
        let labels = ["driver", "timeline"].map(str::to_owned);
        assert_eq!(limit(&manifest, &labels, &settings, 8), 2);
    }

    #[test]
    fn without_room_for_a_device_there_is_only_other() {
        assert_eq!([devices(17), devices(9), devices(1), devices(0)], [0; 4]);
        let (manifest, settings) = block_io(|settings| settings.max_series = 1);
        let plan = plan(&manifest, &settings, 8);
        let entries = |map| plan.map_entries.iter().find(|(name, _)| *name == map);
        assert_eq!(entries("BLOCK_IO").unwrap().1, 5);
        assert_eq!(entries("BLOCK_IO_ERRORS").unwrap().1, 1);
        // Switched off.
        assert_eq!(entries("BLOCK_IO_PARTITION").unwrap().1, 1);
    }

    #[test]
    fn a_map_has_room_for_every_key_that_its_limit_admits() {
        let (manifest, settings) = block_io(|settings| {
            let on = OptionValue::Bool(true);
            settings.options.insert("partitions".to_owned(), on);
        });
        let plan = plan(&manifest, &settings, 8);
        let entries = |map| plan.map_entries.iter().find(|(name, _)| *name == map);
        assert_eq!(entries("BLOCK_IO").unwrap().1, 65 * 5);
        assert_eq!(entries("BLOCK_IO_PARTITION").unwrap().1, 129 * 5);
    }

    #[test]
    fn a_hook_to_avoid_is_taken_only_where_there_is_no_other() {
        let hooks = |module, avoid| {
            let (manifest, settings) = of(module, |settings| settings.avoid = avoid);
            let programs = plan(&manifest, &settings, 8).programs.into_iter();
            let kinds = programs.map(|program| program.alternatives[0].attach.as_str());
            kinds.collect::<Vec<_>>()
        };
        assert_eq!(hooks("block_io", None), ["tp_btf"; 3]);
        assert_eq!(hooks("block_io", Some(Attach::TpBtf)), ["raw_tp"; 3]);
        assert_eq!(hooks("block_io", Some(Attach::Kprobe)), ["tp_btf"; 3]);
        let (manifest, settings) = of("block_io", |settings| {
            settings.avoid = Some(Attach::TpBtf);
        });
        let programs = plan(&manifest, &settings, 8).programs;
        let is_last = |it: &ProgramPlan| it.alternatives.last().unwrap().attach == Attach::TpBtf;
        assert!(programs.iter().all(is_last), "the last resort");
        // Its names are nowhere else.
        let fences = hooks("dma_fence", Some(Attach::Tracepoint));
        assert_eq!(fences.iter().filter(|it| **it == "tracepoint").count(), 1);
    }

    #[test]
    fn only_histograms_need_a_schema() {
        let (mut manifest, settings) = block_io(|_| {});
        let globals = |manifest: &Manifest| plan(manifest, &settings, 8).globals;
        assert!(globals(&manifest).contains(&(SCHEMA.to_owned(), vec![3, 0, 0, 0])));
        manifest.metrics.retain(|it| it.kind != Kind::Histogram);
        assert!(globals(&manifest).iter().all(|(name, _)| name != SCHEMA));
    }

    #[test]
    fn series_by_cpu_count_as_many_times_as_there_are_cpus() {
        let (mut manifest, settings) = of("runqueue", |settings| {
            for option in ["per_cgroup", "per_cpu"] {
                let on = OptionValue::Bool(true);
                settings.options.insert(option.to_owned(), on);
            }
            settings.max_series = 40;
        });
        let cgroup = ["cgroup".to_owned()];
        assert_eq!(limit(&manifest, &cgroup, &settings, 8), 39);
        for metric in &mut manifest.metrics {
            metric.per_cpu = Some("per_cpu".to_owned());
        }
        assert_eq!(limit(&manifest, &cgroup, &settings, 8), 4);
    }
}
