use std::sync::Arc;
use std::time::SystemTime;

use geophone_histogram::SLOTS;

use super::keyring::Meaning;
use crate::kernel::layout::Shape;
use crate::snapshot::{Descriptor, Family, Histogram, Kind, Number, Series, Unit, Value};

/// A metric and where its numbers lie in the value of its map.
#[derive(Debug)]
pub struct BoundMetric {
    pub descriptor: Arc<Descriptor>,
    /// Position of the field in the value, in u64.
    word: usize,
    /// u64 from one element of an array field to the next.
    stride: usize,
    /// Label values of each element of the field, array dimensions multiplied out.
    elements: Vec<Vec<Arc<str>>>,
    schema: u32,
    tick_exponent: i32,
    per_cpu: bool,
    collected: Vec<(Place, Series)>,
}

/// Orders series: entry, element, CPU.
type Place = (usize, usize, usize);

/// How a metric is read, beside its descriptor.
#[derive(Debug)]
pub struct Reading {
    pub offset: usize,
    pub shape: Shape,
    pub elements: Vec<Vec<Arc<str>>>,
    pub schema: u32,
    pub tick_exponent: i32,
    pub per_cpu: bool,
}

impl Reading {
    /// Of a plain number for each entry.
    pub fn of_one_cell() -> Self {
        Self {
            offset: 0,
            shape: Shape::Cell,
            elements: vec![Vec::new()],
            schema: 0,
            tick_exponent: 0,
            per_cpu: false,
        }
    }
}

impl BoundMetric {
    pub fn new(descriptor: Arc<Descriptor>, reading: Reading) -> Self {
        let elements = reading.elements.len().max(1);
        Self {
            descriptor,
            word: reading.offset / 8,
            stride: reading.shape.words() / elements,
            elements: reading.elements,
            schema: reading.schema,
            tick_exponent: reading.tick_exponent,
            per_cpu: reading.per_cpu,
            collected: Vec::new(),
        }
    }

    pub fn is_per_cpu(&self) -> bool {
        self.per_cpu
    }

    /// Forgets what a reading collected that then failed.
    pub fn begin(&mut self) {
        self.collected.clear();
    }

    /// Takes an entry's series from its value, summed over CPUs (`cpu` is none) or of one.
    pub fn collect(&mut self, meaning: &Meaning, value: &[u64], cpu: Option<(usize, &Arc<str>)>) {
        for (index, element) in self.elements.iter().enumerate() {
            let start = self.word + index * self.stride;
            let Some(cells) = value.get(start..start + self.stride) else {
                continue;
            };
            let Some(value) = self.value(cells) else {
                continue;
            };
            let own = element
                .iter()
                .chain(cpu.map(|(_, label)| label))
                .map(Arc::clone);
            let labels = meaning.labels.iter().map(Arc::clone).chain(own).collect();
            let place = (meaning.rank, index, cpu.map_or(0, |(cpu, _)| cpu));
            self.collected.push((
                place,
                Series {
                    labels,
                    since: meaning.since,
                    value,
                },
            ));
        }
    }

    /// The family of series that are added up outside the kernel: labels and cells of each.
    pub fn family_of<'a>(
        &mut self,
        rows: impl Iterator<Item = (&'a [Arc<str>], Vec<u64>)>,
        since: SystemTime,
    ) -> Arc<Family> {
        self.begin();
        for (rank, (labels, cells)) in rows.enumerate() {
            let meaning = Meaning {
                labels: labels.to_vec(),
                since,
                rank,
            };
            self.collect(&meaning, &cells, None);
        }
        self.family()
    }

    /// The family of what was collected; empties the collection.
    pub fn family(&mut self) -> Arc<Family> {
        let mut collected = std::mem::take(&mut self.collected);
        collected.sort_by_key(|(place, _)| *place);
        let series = collected.into_iter().map(|(_, series)| series).collect();
        Arc::new(Family {
            descriptor: Arc::clone(&self.descriptor),
            series,
        })
    }

    fn value(&self, cells: &[u64]) -> Option<Value> {
        let first = *cells.first()?;
        Some(match self.descriptor.kind {
            Kind::Counter if self.descriptor.unit == Unit::Seconds => {
                Value::Counter(Number::Real(self.in_base_unit(first)))
            }
            Kind::Counter => Value::Counter(Number::Integer(first)),
            // What one CPU has added another takes away: the sum is a signed number.
            Kind::Gauge => Value::Gauge(self.scaled(first.cast_signed() as f64)),
            Kind::Info => Value::Info,
            Kind::Histogram => {
                let slots: &[u64; SLOTS] = cells.get(1..=SLOTS)?.try_into().ok()?;
                let sum = self.in_base_unit(first);
                Value::Histogram(Histogram::from_slots(
                    slots,
                    self.schema,
                    self.tick_exponent,
                    sum,
                ))
            }
        })
    }

    /// Probes count times in nanoseconds, everything else in the unit itself.
    fn in_base_unit(&self, raw: u64) -> f64 {
        self.scaled(raw as f64)
    }

    fn scaled(&self, raw: f64) -> f64 {
        match self.descriptor.unit {
            Unit::Seconds => raw / 1e9,
            Unit::None | Unit::Bytes | Unit::Ratio => raw,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::snapshot::{OtlpName, Stability};

    #[test]
    fn what_one_cpu_takes_from_a_gauge_another_may_have_added() {
        let descriptor = Descriptor {
            name: "beeps".to_owned(),
            help: String::new(),
            kind: Kind::Gauge,
            unit: Unit::None,
            labels: Vec::new(),
            module: None,
            otlp: OtlpName {
                name: String::new(),
                unit: String::new(),
            },
            stability: Stability::Stable,
            classic: (0, 0),
        };
        let mut metric = BoundMetric::new(Arc::new(descriptor), Reading::of_one_cell());
        let meaning = Meaning {
            labels: Vec::new(),
            since: SystemTime::UNIX_EPOCH,
            rank: 0,
        };
        for (cells, expected) in [([3, 2_u64.wrapping_neg()], 1.0), ([1, u64::MAX - 1], -1.0)] {
            let sum = cells[0].wrapping_add(cells[1]);
            metric.collect(&meaning, &[sum], None);
            let value = metric.family().series[0].value.clone();
            assert_eq!(format!("{value:?}"), format!("Gauge({expected:?})"));
        }
    }
}
