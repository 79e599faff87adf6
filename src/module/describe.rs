use std::sync::Arc;

use super::model::{
    Discovery, Key, KeySource, Manifest, Map, MapKind, Metric, ModuleOption, Program,
};
use crate::snapshot::Descriptor;

/// The label of a process id.
pub(super) const PID: &str = "pid";

impl Manifest {
    pub fn option(&self, name: &str) -> Option<&ModuleOption> {
        self.options.iter().find(|option| option.name == name)
    }

    pub fn program(&self, name: &str) -> Option<&Program> {
        self.programs.iter().find(|program| program.name == name)
    }

    pub fn map(&self, name: &str) -> Option<&Map> {
        self.maps.iter().find(|map| map.name == name)
    }

    /// The same where each process is a workload of its own: its id is a label, too.
    #[must_use]
    pub fn per_process(mut self) -> Self {
        let keys = self.maps.iter_mut().filter_map(|map| match &mut map.kind {
            MapKind::Keyed(keys) | MapKind::Held { keys, .. } | MapKind::Places { keys, .. } => {
                Some(keys)
            }
            _ => None,
        });
        for key in keys.flatten() {
            if let KeySource::Discovered {
                discovery: Discovery::Workload,
                ..
            } = key.source
            {
                key.labels.push(PID.to_owned());
            }
        }
        self
    }

    /// Keys that user space discovers, once per labels, in the manifest's order: those that
    /// can be filtered with `<label>_include` and `<label>_exclude` for each label.
    pub fn discovered(&self) -> Vec<&Key> {
        let mut found: Vec<&Key> = Vec::new();
        for key in self.maps.iter().flat_map(Map::keys) {
            let discovered = matches!(key.source, KeySource::Discovered { .. });
            if discovered && found.iter().all(|known| known.labels != key.labels) {
                found.push(key);
            }
        }
        found
    }

    /// Labels of a metric's series: those of the map's keys, then those of the array's
    /// dimensions, then `cpu` if the series are split by CPU.
    pub fn labels(&self, metric: &Metric, split_by_cpu: bool) -> Vec<String> {
        let map = self.map(&metric.map);
        let keys = map.into_iter().flat_map(Map::labels).cloned();
        let dimensions = metric.labels.iter().map(|label| label.name.clone());
        keys.chain(dimensions)
            .chain(split_by_cpu.then(|| "cpu".to_owned()))
            .collect()
    }

    /// What exporters know of a metric before its first sample.
    pub fn descriptor(&self, metric: &Metric, split_by_cpu: bool) -> Arc<Descriptor> {
        Arc::new(Descriptor {
            name: metric.name.clone(),
            help: metric.help.clone(),
            kind: metric.kind,
            unit: metric.unit,
            labels: self.labels(metric, split_by_cpu),
            module: Some(self.name.clone()),
            otlp: metric.otlp.clone(),
            stability: metric.stability,
            classic: metric.classic,
        })
    }

    /// The most series a metric can have on one CPU's account, before `max_series` bounds it.
    pub fn worst_case_series(&self, metric: &Metric) -> u64 {
        let map = self.map(&metric.map);
        let keys = map.map_or(&[][..], Map::keys).iter().map(Key::entries);
        let tallied = map.filter(|map| !map.tallied().is_empty());
        keys.chain(tallied.map(Map::entries))
            .fold(metric.array_length(), u64::saturating_mul)
    }
}

impl Map {
    pub fn keys(&self) -> &[Key] {
        match &self.kind {
            MapKind::Keyed(keys) | MapKind::Held { keys, .. } | MapKind::Places { keys, .. } => {
                keys
            }
            MapKind::Record
            | MapKind::Internal { .. }
            | MapKind::Attention { .. }
            | MapKind::Members { .. }
            | MapKind::Names { .. }
            | MapKind::Tally { .. } => &[],
        }
    }

    /// The labels that its entries have by their keys.
    pub fn labels(&self) -> impl Iterator<Item = &String> {
        let keys = self.keys().iter().flat_map(|key| &key.labels);
        keys.chain(self.tallied())
    }

    /// The labels of a tally.
    pub fn tallied(&self) -> &[String] {
        match &self.kind {
            MapKind::Tally { labels, .. } => labels,
            _ => &[],
        }
    }

    /// How many entries the map needs, unless a size option says otherwise.
    pub fn entries(&self) -> u64 {
        match &self.kind {
            MapKind::Record => 1,
            MapKind::Keyed(keys) => keys
                .iter()
                .fold(1, |product: u64, key| product.saturating_mul(key.entries())),
            MapKind::Internal { max_entries, .. }
            | MapKind::Attention { max_entries }
            | MapKind::Held { max_entries, .. }
            | MapKind::Places { max_entries, .. }
            | MapKind::Members { max_entries, .. }
            | MapKind::Names { max_entries, .. }
            | MapKind::Tally { max_entries, .. } => u64::from(*max_entries),
        }
    }
}

impl Key {
    /// How many values the key can take at a time, `other` included.
    pub fn entries(&self) -> u64 {
        match &self.source {
            KeySource::Discovered { max, .. } => u64::from(*max) + 1,
            KeySource::Values(values) => values.len() as u64,
        }
    }
}

impl Metric {
    /// Length of the value's array: the product of the labels' value lists, 1 without labels.
    pub fn array_length(&self) -> u64 {
        let lengths = self.labels.iter().map(|label| label.values.len() as u64);
        lengths.fold(1, u64::saturating_mul)
    }
}

impl Discovery {
    /// Every discovery and its name in manifests.
    pub const ALL: [(&'static str, Self); 5] = [
        ("block_device", Self::BlockDevice),
        ("block_partition", Self::BlockPartition),
        ("cgroup", Self::Cgroup),
        ("workload", Self::Workload),
        ("seen", Self::Seen),
    ];
}
