use std::sync::Arc;
use std::time::SystemTime;

use super::Own;
use crate::snapshot::{Family, Number, Series, Value};

/// Collects Geophone's own samples into families, in the order of their first sample.
#[derive(Debug)]
pub struct Families {
    since: SystemTime,
    families: Vec<Family>,
}

impl Families {
    /// `since`: when the counters began that are added first.
    pub fn new(since: SystemTime) -> Self {
        Self {
            since,
            families: Vec::new(),
        }
    }

    /// When the counters began that are added from now on.
    pub fn count_since(&mut self, since: SystemTime) {
        self.since = since;
    }

    pub fn gauge(&mut self, metric: &Own, labels: &[&str], value: f64) {
        self.push(metric, labels, Value::Gauge(value));
    }

    pub fn counter(&mut self, metric: &Own, labels: &[&str], value: u64) {
        self.push(metric, labels, Value::Counter(Number::Integer(value)));
    }

    pub fn seconds_counter(&mut self, metric: &Own, labels: &[&str], value: f64) {
        self.push(metric, labels, Value::Counter(Number::Real(value)));
    }

    pub fn info(&mut self, metric: &Own, labels: &[&str]) {
        self.push(metric, labels, Value::Info);
    }

    pub fn finish(self) -> Vec<Arc<Family>> {
        self.families.into_iter().map(Arc::new).collect()
    }

    fn push(&mut self, metric: &Own, labels: &[&str], value: Value) {
        debug_assert_eq!(labels.len(), metric.labels.len(), "{}", metric.name);
        let series = Series {
            labels: labels.iter().map(|&label| label.into()).collect(),
            since: self.since,
            value,
        };
        match self
            .families
            .iter_mut()
            .find(|family| family.descriptor.name == metric.name)
        {
            Some(family) => family.series.push(series),
            None => self.families.push(Family {
                descriptor: metric.descriptor(),
                series: vec![series],
            }),
        }
    }
}
