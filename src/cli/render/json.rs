use serde_json::{Value, json};

use super::{kind, stability};
use crate::config::schema;
use crate::document;
use crate::module::{Manifest, Metric, Module, Program};

/// Modules for programs, indented.
pub fn modules<'a>(modules: impl IntoIterator<Item = &'a Module>) -> String {
    let modules: Vec<Value> = modules.into_iter().map(one).collect();
    format!("{:#}\n", json!({ "modules": modules }))
}

fn one(module: &Module) -> Value {
    let manifest = &module.manifest;
    let options: Vec<Value> = schema::module(manifest)
        .iter()
        .map(|key| {
            let default = key.default.as_ref().map_or(json!("auto"), plain);
            json!({ "name": key.name(), "default": default, "help": key.summary })
        })
        .collect();
    json!({
        "name": manifest.name,
        "summary": manifest.summary,
        "source": module.source.describe(),
        "requires": manifest.requires,
        "drivers": manifest.drivers,
        "memory": manifest.memory,
        "options": options,
        "programs": manifest.programs.iter().map(program).collect::<Vec<_>>(),
        "metrics": manifest.metrics.iter().map(|own| metric(manifest, own)).collect::<Vec<_>>(),
    })
}

fn program(program: &Program) -> Value {
    let alternatives: Vec<Value> = program
        .alternatives
        .iter()
        .map(|way| json!({ "function": way.function, "attach": way.attach.as_str(), "target": way.target }))
        .collect();
    json!({ "name": program.name, "when": program.when, "alternatives": alternatives })
}

fn metric(manifest: &Manifest, metric: &Metric) -> Value {
    json!({
        "name": metric.name,
        "kind": kind(metric.kind),
        "unit": metric.unit.as_str(),
        "help": metric.help,
        "labels": manifest.labels(metric, metric.per_cpu.is_some()),
        "per_cpu": metric.per_cpu,
        "when": metric.when,
        "programs": metric.programs,
        "stability": stability(metric.stability),
        "otlp": { "name": metric.otlp.name, "unit": metric.otlp.unit },
    })
}

fn plain(value: &document::Value) -> Value {
    match value {
        document::Value::String(text) => json!(text),
        document::Value::Integer(value) => json!(value),
        document::Value::Boolean(value) => json!(value),
        document::Value::Array(items) => items.iter().map(|item| plain(&item.value)).collect(),
        document::Value::Table(_) | document::Value::Other(_) => Value::Null,
    }
}
