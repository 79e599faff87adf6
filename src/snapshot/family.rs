use std::sync::Arc;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::Histogram;

/// What is known of a metric before its first sample: the single source of HELP, the metric
/// reference, the checks and the OTLP names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Descriptor {
    /// Full Prometheus name, with the unit and, for counters, `_total`.
    pub name: String,
    /// One line of help text.
    pub help: String,
    pub kind: Kind,
    pub unit: Unit,
    /// Label names, in the order in which every [`Series`] gives their values.
    pub labels: Vec<String>,
    /// The module it belongs to; none for Geophone's own metrics.
    pub module: Option<String>,
    pub otlp: OtlpName,
    pub stability: Stability,
    /// Powers of two, in the base unit, of the first and the last classic bucket edge.
    /// Meaningful for histograms alone.
    pub classic: (i32, i32),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Counter,
    Gauge,
    Histogram,
    /// A gauge that is always 1 and whose labels are the information.
    Info,
}

/// Base units of the samples, as Prometheus spells them in metric names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Dimensionless, or a count of things that the name says.
    None,
    Seconds,
    Bytes,
    Ratio,
}

/// OpenTelemetry's spelling of a metric.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OtlpName {
    pub name: String,
    /// UCUM unit, such as `s`, `By`, `1` or `{segment}`.
    pub unit: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stability {
    Stable,
    /// May change its name, labels or meaning in any release.
    Experimental,
}

/// One metric with all its series.
#[derive(Debug, Clone)]
pub struct Family {
    pub descriptor: Arc<Descriptor>,
    /// In a stable order, so that two expositions of the same state are the same bytes.
    pub series: Vec<Series>,
}

#[derive(Debug, Clone)]
pub struct Series {
    /// Label values, one for each of [`Descriptor::labels`]. Valid UTF-8, not escaped.
    pub labels: Vec<Arc<str>>,
    /// Since when counters and histograms count.
    pub since: SystemTime,
    pub value: Value,
}

#[derive(Debug, Clone)]
pub enum Value {
    Counter(Number),
    Gauge(f64),
    Histogram(Histogram),
    Info,
}

/// A counter's total: kept whole where the unit is whole.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Number {
    Integer(u64),
    Real(f64),
}

impl OtlpName {
    /// What Prometheus makes of the name when it receives the metric over OTLP. A unit that the
    /// name already ends with is not added again.
    pub fn in_prometheus(&self, kind: Kind, unit: Unit) -> String {
        let mut name = self.name.replace('.', "_");
        let word = unit.as_str();
        let ends_with_it = |rest: &str| rest.is_empty() || rest.ends_with('_');
        if !name.strip_suffix(word).is_some_and(ends_with_it) && unit != Unit::None {
            name = format!("{name}_{word}");
        }
        if kind == Kind::Counter {
            name.push_str("_total");
        }
        name
    }
}

impl Number {
    pub fn as_f64(self) -> f64 {
        match self {
            Self::Integer(value) => value as f64,
            Self::Real(value) => value,
        }
    }
}

impl Unit {
    /// The name as OpenMetrics' `# UNIT` line and name suffixes spell it; empty without a unit.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Seconds => "seconds",
            Self::Bytes => "bytes",
            Self::Ratio => "ratio",
        }
    }
}
