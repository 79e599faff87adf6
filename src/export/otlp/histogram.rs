use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;
use opentelemetry_proto::tonic::metrics::v1::{ExponentialHistogramDataPoint, HistogramDataPoint};

use crate::snapshot::Histogram;

/// The buckets as they were counted: scale is the schema. Neither least nor greatest value is
/// known, so none is told.
pub(super) fn exponential(histogram: &Histogram) -> ExponentialHistogramDataPoint {
    ExponentialHistogramDataPoint {
        count: histogram.count,
        sum: Some(histogram.sum),
        scale: i32::from(histogram.schema),
        zero_count: histogram.zero_count,
        zero_threshold: histogram.zero_threshold,
        positive: (!histogram.buckets.is_empty()).then(|| Buckets {
            // Index i is (base^i, base^(i+1)] here, and (base^(i-1), base^i] in the snapshot.
            offset: histogram.offset.saturating_sub(1),
            bucket_counts: histogram.buckets.clone(),
        }),
        ..ExponentialHistogramDataPoint::default()
    }
}

/// Buckets at powers of two from `2^first` to `2^last`, and one beyond.
pub(super) fn explicit(histogram: &Histogram, (first, last): (i32, i32)) -> HistogramDataPoint {
    let edges = histogram.at_powers_of_two(first, last);
    let mut below = 0;
    let mut bucket_counts = Vec::with_capacity(edges.len() + 1);
    for (_, cumulative) in &edges {
        bucket_counts.push(cumulative - below);
        below = *cumulative;
    }
    bucket_counts.push(histogram.count.saturating_sub(below));
    HistogramDataPoint {
        count: histogram.count,
        sum: Some(histogram.sum),
        bucket_counts,
        explicit_bounds: edges.into_iter().map(|(edge, _)| edge).collect(),
        ..HistogramDataPoint::default()
    }
}
