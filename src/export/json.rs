//! One snapshot as JSON, for scripts: everything that the other formats carry, and what is
//! reported of the modules beside it.

use std::time::SystemTime;

use serde::Serialize;
use serde_json::{Map, Value as Json, json};

use crate::snapshot::{Family, Histogram, Number, Series, Snapshot, Value};

/// The snapshot as one JSON object, indented, with a line feed at its end.
pub fn page(snapshot: &Snapshot, modules: &impl Serialize) -> Vec<u8> {
    let page = json!({
        "taken": seconds(snapshot.taken),
        "modules": modules,
        "families": snapshot.families.iter().map(|each| family(each)).collect::<Vec<_>>(),
    });
    let mut text = format!("{page:#}").into_bytes();
    text.push(b'\n');
    text
}

fn family(family: &Family) -> Json {
    let about = &family.descriptor;
    json!({
        "name": about.name,
        "help": about.help,
        "kind": about.kind,
        "unit": about.unit,
        "module": about.module,
        "stability": about.stability,
        "otlp": about.otlp,
        "series": family.series.iter().map(|each| series(&about.labels, each)).collect::<Vec<_>>(),
    })
}

fn series(names: &[String], series: &Series) -> Json {
    let labels = names.iter().zip(&series.labels);
    let labels: Map<String, Json> = labels
        .map(|(name, value)| (name.clone(), Json::from(&**value)))
        .collect();
    let value = match &series.value {
        Value::Counter(number) => match number {
            Number::Integer(value) => json!(value),
            Number::Real(value) => json!(value),
        },
        Value::Gauge(value) => json!(value),
        Value::Info => json!(1),
        Value::Histogram(value) => histogram(value),
    };
    json!({ "labels": labels, "since": seconds(series.since), "value": value })
}

/// Buckets by index: `offset` is the first one's, in Prometheus' numbering.
fn histogram(histogram: &Histogram) -> Json {
    json!({
        "schema": histogram.schema,
        "zero_threshold": histogram.zero_threshold,
        "zero_count": histogram.zero_count,
        "offset": histogram.offset,
        "buckets": histogram.buckets,
        "sum": histogram.sum,
        "count": histogram.count,
    })
}

/// Unix time in seconds.
fn seconds(time: SystemTime) -> f64 {
    time.duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs_f64()
}
