//! Binding of maps of what processes hold.

use super::{Binder, StartError, elements};
use crate::kernel::layout::{MapLayout, Shape};
use crate::module::{MapKind, Metric};
use crate::sweep::holdings::{Held, HeldMetric, Holdings};
use crate::sweep::metric::{BoundMetric, Reading};
use crate::sweep::population::Population;

impl Binder<'_> {
    /// Every map of what processes hold that an exported metric is read from.
    pub(super) fn holdings(&self, populations: &[Population]) -> Result<Vec<Holdings>, StartError> {
        let maps = self.manifest.maps.iter();
        let maps = maps.filter(|map| self.settings.wants(map.when.as_deref()));
        let held = maps.filter(|map| matches!(map.kind, MapKind::Held { .. }));
        held.map(|map| {
            let layout = self.layout(map)?;
            let mismatch = |what: &str| {
                StartError::Mismatch(format!("map {}, of what processes hold: {what}", map.name))
            };
            let key = map.keys().first().ok_or_else(|| mismatch("no key"))?;
            let process = layout.key.iter().find(|field| field.name == key.field);
            let process = process.filter(|field| field.size == 4);
            let started = layout.field("started");
            let started = started.filter(|field| field.shape == Shape::Cell);
            let metrics = self.metrics(map).into_iter();
            Ok(Holdings {
                name: map.name.clone(),
                population: populations
                    .iter()
                    .position(|each| each.label == key.labels.join(","))
                    .ok_or_else(|| mismatch("nothing is discovered for its label"))?,
                layout: Held {
                    process: process
                        .ok_or_else(|| mismatch("its keys have no u32 of the process"))?
                        .offset,
                    started: started
                        .ok_or_else(|| mismatch("its values have no u64 started"))?
                        .offset,
                    labels: key.labels.len(),
                },
                metrics: metrics
                    .map(|metric| self.bind_held(metric, layout))
                    .collect::<Result<_, _>>()?,
                entries: 0,
            })
        })
        .collect()
    }

    fn bind_held(&self, metric: &Metric, layout: &MapLayout) -> Result<HeldMetric, StartError> {
        let at = |name: &str| {
            let field = layout.field(name);
            let field = field.filter(|field| field.shape == Shape::Cell);
            let offset = field.map(|field| field.offset);
            offset.ok_or_else(|| {
                StartError::Mismatch(format!(
                    "{}: its map's value has no u64 {name}",
                    metric.name
                ))
            })
        };
        let reading = Reading {
            offset: 0,
            shape: Shape::Array(usize::try_from(metric.array_length()).unwrap_or(usize::MAX)),
            elements: elements(metric),
            schema: self.settings.schema,
            tick_exponent: metric.tick_exponent,
            per_cpu: false,
        };
        let labels = metric.labels.iter();
        let labels = labels.map(|label| Ok((at(&label.name)?, label.values.len())));
        Ok(HeldMetric {
            amount: at(&metric.field)?,
            labels: labels.collect::<Result<_, StartError>>()?,
            bound: BoundMetric::new(self.manifest.descriptor(metric, false), reading),
            programs: Vec::new(),
        })
    }
}
