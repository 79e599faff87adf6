//! What the commands print.

mod check;
mod json;
mod markdown;
mod names;
mod text;

pub use check::{mistakes, summary};
pub use json::modules as modules_json;
pub use markdown::modules as modules_markdown;
pub use text::modules as modules_text;

use crate::module::{Manifest, Metric};
use crate::snapshot::{Kind, Stability};

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Histogram => "histogram",
        Kind::Info => "info",
    }
}

fn stability(stability: Stability) -> &'static str {
    match stability {
        Stability::Stable => "stable",
        Stability::Experimental => "experimental",
    }
}

/// A metric's labels, each with the values it can take, or the option it depends on.
fn labels(manifest: &Manifest, metric: &Metric) -> Vec<(String, String)> {
    let mut labels = Vec::new();
    for key in manifest.map(&metric.map).map_or(&[][..], |map| map.keys()) {
        let values = match &key.source {
            crate::module::KeySource::Values(values) => values.join(", "),
            crate::module::KeySource::Discovered { max, .. } => format!("up to {max}, and other"),
        };
        let each = key.labels.iter();
        labels.extend(each.map(|label| (label.clone(), values.clone())));
    }
    for label in &metric.labels {
        labels.push((label.name.clone(), label.values.join(", ")));
    }
    if let Some(option) = &metric.per_cpu {
        labels.push(("cpu".into(), format!("only with {option} = true")));
    }
    labels
}
