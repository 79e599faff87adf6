//! Binding of maps of places.

use super::{Binder, StartError};
use crate::kernel::layout::Shape;
use crate::module::{MapKind, Metric};
use crate::sweep::metric::{BoundMetric, Reading};
use crate::sweep::places::{CountMetric, Place, Places};
use crate::sweep::population::Population;

impl Binder<'_> {
    /// Every map of places that an exported metric is read from.
    pub(super) fn places(&self, populations: &[Population]) -> Result<Vec<Places>, StartError> {
        let maps = self.manifest.maps.iter();
        let maps = maps.filter(|map| self.settings.wants(map.when.as_deref()));
        let places = maps.filter(|map| matches!(map.kind, MapKind::Places { .. }));
        let counted = places.map(|map| (map, self.metrics(map)));
        let counted = counted.filter(|(_, metrics)| !metrics.is_empty());
        counted
            .map(|(map, metrics)| {
                let layout = self.layout(map)?;
                let mismatch = |what: &str| {
                    StartError::Mismatch(format!("map {}, of places: {what}", map.name))
                };
                let key = map.keys().first().ok_or_else(|| mismatch("no key"))?;
                let label = key.labels.join(",");
                let at = |path: &str| {
                    let field = layout.field(path);
                    let field = field.filter(|field| field.shape == Shape::Cell);
                    let offset = field.map(|field| field.offset);
                    offset.ok_or_else(|| mismatch(&format!("its values have no u64 {path}")))
                };
                if layout.per_cpu {
                    return Err(mismatch("they are the same for all CPUs"));
                }
                Ok(Places {
                    name: map.name.clone(),
                    population: populations
                        .iter()
                        .position(|each| each.label == label)
                        .ok_or_else(|| mismatch("nothing is discovered for its label"))?,
                    layout: Place {
                        key: at("key")?,
                        thing: at(&format!("value.{}", key.field))?,
                        labels: key.labels.len(),
                    },
                    metrics: metrics.into_iter().map(|it| self.bind_count(it)).collect(),
                })
            })
            .collect()
    }

    fn bind_count(&self, metric: &Metric) -> CountMetric {
        let reading = Reading {
            schema: self.settings.schema,
            tick_exponent: metric.tick_exponent,
            ..Reading::of_one_cell()
        };
        CountMetric {
            bound: BoundMetric::new(self.manifest.descriptor(metric, false), reading),
            programs: Vec::new(),
        }
    }
}
