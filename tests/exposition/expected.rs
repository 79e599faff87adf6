//! What a page must hold, worked out from the snapshot without the encoders' helpers.

use std::collections::BTreeMap;
use std::sync::Arc;

use geophone::snapshot::{Family, Histogram, Value};

use crate::reader::Sample;

/// All samples, sorted; `le` as a number, because the formats spell it differently.
pub fn samples(families: &[Arc<Family>], classic: bool) -> Vec<Sample> {
    let mut samples = Vec::new();
    for family in families {
        let descriptor = &family.descriptor;
        for series in &family.series {
            let labels: BTreeMap<String, String> = descriptor
                .labels
                .iter()
                .cloned()
                .zip(series.labels.iter().map(ToString::to_string))
                .collect();
            let mut push = |suffix: &str, le: Option<f64>, value: f64| {
                let mut labels = labels.clone();
                labels.extend(le.map(|le| ("le".to_owned(), le.to_string())));
                samples.push(Sample {
                    name: format!("{}{suffix}", descriptor.name),
                    labels,
                    value,
                });
            };
            match &series.value {
                Value::Counter(total) => push("", None, total.as_f64()),
                Value::Gauge(value) => push("", None, *value),
                Value::Info => push("", None, 1.0),
                Value::Histogram(histogram) => {
                    push("_sum", None, histogram.sum);
                    push("_count", None, histogram.count as f64);
                    push("_bucket", Some(f64::INFINITY), histogram.count as f64);
                    if classic {
                        for exponent in descriptor.classic.0..=descriptor.classic.1 {
                            let count = up_to(histogram, exponent);
                            push("_bucket", Some(2f64.powi(exponent)), count as f64);
                        }
                    }
                }
            }
        }
    }
    sorted(samples)
}

/// Observations of at most `2^exponent`.
pub fn up_to(histogram: &Histogram, exponent: i32) -> u64 {
    let last = exponent * (1 << histogram.schema);
    let within = (histogram.offset..)
        .zip(&histogram.buckets)
        .filter(|(index, _)| *index <= last);
    histogram.zero_count + within.map(|(_, count)| count).sum::<u64>()
}

/// Puts samples into one order and one spelling of `le`.
pub fn sorted(mut samples: Vec<Sample>) -> Vec<Sample> {
    for sample in &mut samples {
        if let Some(le) = sample.labels.get_mut("le") {
            *le = le
                .replace("+Inf", "inf")
                .parse::<f64>()
                .expect("a number")
                .to_string();
        }
    }
    samples.sort_by_cached_key(|sample| format!("{} {:?}", sample.name, sample.labels));
    samples
}

/// Equality in which a NaN equals another.
pub fn assert_same(found: &[Sample], expected: &[Sample]) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert_eq!(
            (&found.name, &found.labels),
            (&expected.name, &expected.labels)
        );
        let both_nan = found.value.is_nan() && expected.value.is_nan();
        assert!(
            both_nan || found.value == expected.value,
            "{found:?} is not {expected:?}"
        );
    }
}
