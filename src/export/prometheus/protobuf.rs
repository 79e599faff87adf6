//! Length-delimited protobuf messages, with native histograms and start times.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use prost::Message;

use super::messages::{
    Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType, Timestamp,
};
use super::native::positive_buckets;
use super::unit::declared_unit;
use super::{EncodeError, Exposition};
use crate::export::check::check;
use crate::snapshot::{self, Descriptor, Family, Kind, Series, Value};

pub(super) fn write(
    families: &[Arc<Family>],
    exposition: Exposition,
) -> Result<Vec<u8>, EncodeError> {
    let mut out = Vec::new();
    for family in families.iter().filter(|family| !family.series.is_empty()) {
        out.extend(message(family, exposition)?.encode_length_delimited_to_vec());
    }
    Ok(out)
}

fn message(family: &Family, exposition: Exposition) -> Result<MetricFamily, EncodeError> {
    let descriptor = &*family.descriptor;
    let metric = family
        .series
        .iter()
        .map(|series| {
            check(descriptor, series)?;
            Ok(sample(descriptor, series, exposition))
        })
        .collect::<Result<_, EncodeError>>()?;
    let kind = match descriptor.kind {
        Kind::Counter => MetricType::Counter,
        Kind::Gauge | Kind::Info => MetricType::Gauge,
        Kind::Histogram => MetricType::Histogram,
    };
    Ok(MetricFamily {
        name: descriptor.name.clone(),
        help: descriptor.help.clone(),
        r#type: kind.into(),
        metric,
        unit: declared_unit(descriptor).unwrap_or_default().to_owned(),
    })
}

fn sample(descriptor: &Descriptor, series: &Series, exposition: Exposition) -> Metric {
    let label = descriptor
        .labels
        .iter()
        .zip(&series.labels)
        .map(|(name, value)| LabelPair {
            name: name.clone(),
            value: value.to_string(),
        })
        .collect();
    let start_timestamp = timestamp(series.since);
    let mut metric = Metric {
        label,
        ..Metric::default()
    };
    match &series.value {
        Value::Counter(total) => {
            metric.counter = Some(Counter {
                value: total.as_f64(),
                start_timestamp,
            });
        }
        Value::Gauge(value) => metric.gauge = Some(Gauge { value: *value }),
        Value::Info => metric.gauge = Some(Gauge { value: 1.0 }),
        Value::Histogram(value) => {
            let mut histogram = native(value);
            histogram.start_timestamp = start_timestamp;
            if exposition.classic_buckets {
                histogram.bucket = classic(value, descriptor.classic);
            }
            metric.histogram = Some(histogram);
        }
    }
    metric
}

fn native(value: &snapshot::Histogram) -> Histogram {
    let (positive_span, positive_delta) = positive_buckets(value);
    Histogram {
        sample_count: value.count,
        sample_sum: value.sum,
        schema: i32::from(value.schema),
        zero_threshold: value.zero_threshold,
        zero_count: value.zero_count,
        positive_span,
        positive_delta,
        ..Histogram::default()
    }
}

fn classic(value: &snapshot::Histogram, (first, last): (i32, i32)) -> Vec<Bucket> {
    value
        .at_powers_of_two(first, last)
        .into_iter()
        .map(|(upper_bound, cumulative_count)| Bucket {
            cumulative_count,
            upper_bound,
        })
        .collect()
}

/// None for a clock set before 1970, which says nothing of when counting began.
fn timestamp(time: SystemTime) -> Option<Timestamp> {
    let since = time.duration_since(UNIX_EPOCH).ok()?;
    Some(Timestamp {
        seconds: i64::try_from(since.as_secs()).ok()?,
        nanos: i32::try_from(since.subsec_nanos()).ok()?,
    })
}
