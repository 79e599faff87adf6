use std::borrow::Cow;
use std::time::SystemTime;

use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Point;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram,
    HistogramDataPoint, Metric, NumberDataPoint, Sum,
};

use super::attributes::attribute;
use super::baseline::Change;
use super::histogram::{explicit, exponential};
use super::time::unix_nanos;
use super::{Baseline, HistogramAggregation, Shape};
use crate::snapshot::{self, Descriptor, Kind, Number, Series, Value};

/// Turns series of one metric into a message.
#[derive(Debug, Clone, Copy)]
pub(super) struct Writer<'a> {
    pub shape: Shape,
    pub baseline: &'a Baseline,
    pub taken: SystemTime,
}

impl Writer<'_> {
    pub fn metric(&self, about: &Descriptor, series: &[Series]) -> Metric {
        Metric {
            name: about.otlp.name.clone(),
            description: about.help.clone(),
            unit: about.otlp.unit.clone(),
            data: Some(self.data(about, series)),
            ..Metric::default()
        }
    }

    fn data(&self, about: &Descriptor, series: &[Series]) -> Data {
        let temporality = self.shape.temporality_of(about.kind).into();
        let exponential = self.shape.histograms == HistogramAggregation::Exponential;
        match about.kind {
            Kind::Counter => Data::Sum(Sum {
                data_points: self.numbers(about, series),
                aggregation_temporality: temporality,
                is_monotonic: true,
            }),
            Kind::Gauge | Kind::Info => Data::Gauge(Gauge {
                data_points: self.numbers(about, series),
            }),
            Kind::Histogram if exponential => Data::ExponentialHistogram(ExponentialHistogram {
                data_points: self.exponential(about, series),
                aggregation_temporality: temporality,
            }),
            Kind::Histogram => Data::Histogram(Histogram {
                data_points: self.explicit(about, series),
                aggregation_temporality: temporality,
            }),
        }
    }

    fn numbers(&self, about: &Descriptor, series: &[Series]) -> Vec<NumberDataPoint> {
        let point = |series: &Series| {
            let change = self.change(about, series);
            let value = match &*change.value {
                Value::Counter(total) => number(*total),
                Value::Gauge(value) => Point::AsDouble(*value),
                Value::Info => Point::AsInt(1),
                Value::Histogram(_) => return None,
            };
            Some(NumberDataPoint {
                attributes: attributes(about, series),
                // A gauge has no beginning.
                start_time_unix_nano: match about.kind {
                    Kind::Counter => self.start(&change),
                    _ => 0,
                },
                time_unix_nano: unix_nanos(self.taken),
                value: Some(value),
                ..NumberDataPoint::default()
            })
        };
        series.iter().filter_map(point).collect()
    }

    fn exponential(
        &self,
        about: &Descriptor,
        series: &[Series],
    ) -> Vec<ExponentialHistogramDataPoint> {
        let point = |series: &Series| {
            let change = self.change(about, series);
            Some(ExponentialHistogramDataPoint {
                attributes: attributes(about, series),
                start_time_unix_nano: self.start(&change),
                time_unix_nano: unix_nanos(self.taken),
                ..exponential(histogram(&change)?)
            })
        };
        series.iter().filter_map(point).collect()
    }

    fn explicit(&self, about: &Descriptor, series: &[Series]) -> Vec<HistogramDataPoint> {
        let point = |series: &Series| {
            let change = self.change(about, series);
            Some(HistogramDataPoint {
                attributes: attributes(about, series),
                start_time_unix_nano: self.start(&change),
                time_unix_nano: unix_nanos(self.taken),
                ..explicit(histogram(&change)?, about.classic)
            })
        };
        series.iter().filter_map(point).collect()
    }

    /// Not after the end, where the clock was set back meanwhile.
    fn start(&self, change: &Change<'_>) -> u64 {
        unix_nanos(change.since.min(self.taken))
    }

    fn change<'s>(&self, about: &Descriptor, series: &'s Series) -> Change<'s> {
        match self.shape.temporality_of(about.kind) {
            AggregationTemporality::Delta => self.baseline.change(&about.name, series),
            _ => Change {
                since: series.since,
                value: Cow::Borrowed(&series.value),
            },
        }
    }
}

fn histogram<'a>(change: &'a Change<'_>) -> Option<&'a snapshot::Histogram> {
    match &*change.value {
        Value::Histogram(histogram) => Some(histogram),
        _ => None,
    }
}

fn attributes(about: &Descriptor, series: &Series) -> Vec<KeyValue> {
    let labels = about.labels.iter().zip(&series.labels);
    labels.map(|(name, value)| attribute(name, value)).collect()
}

/// OTLP's integers are signed.
fn number(total: Number) -> Point {
    match total {
        Number::Integer(value) => {
            i64::try_from(value).map_or(Point::AsDouble(value as f64), Point::AsInt)
        }
        Number::Real(value) => Point::AsDouble(value),
    }
}
