use opentelemetry_proto::tonic::metrics::v1::AggregationTemporality;
use serde::Deserialize;

use crate::snapshot::Kind;

/// What a receiver wants counters and histograms told as.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Shape {
    pub temporality: Temporality,
    pub histograms: HistogramAggregation,
}

/// Whether totals are sent or what was added to them: the values of
/// `OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Temporality {
    #[default]
    Cumulative,
    Delta,
    /// Histograms as delta. Counters as totals, because ours are what the specification calls
    /// asynchronous: they are read, not told.
    LowMemory,
}

/// Which buckets histograms have: the values of
/// `OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub enum HistogramAggregation {
    /// All that were counted: one for one those of a Prometheus native histogram.
    #[default]
    #[serde(rename = "base2_exponential_bucket_histogram")]
    Exponential,
    /// Those at powers of two, as in Prometheus' text formats.
    #[serde(rename = "explicit_bucket_histogram")]
    Explicit,
}

impl Shape {
    /// How metrics of a kind are told.
    pub fn temporality_of(self, kind: Kind) -> AggregationTemporality {
        match (self.temporality, kind) {
            (Temporality::Delta, Kind::Counter | Kind::Histogram)
            | (Temporality::LowMemory, Kind::Histogram) => AggregationTemporality::Delta,
            _ => AggregationTemporality::Cumulative,
        }
    }
}
