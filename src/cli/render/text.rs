use std::fmt::Write as _;

use super::{kind, labels, stability};
use crate::config::schema;
use crate::module::{Manifest, Metric, Module};
use crate::snapshot::{Stability, Unit};

/// Modules for people in front of a terminal.
pub fn modules<'a>(modules: impl IntoIterator<Item = &'a Module>) -> String {
    let blocks: Vec<String> = modules.into_iter().map(one).collect();
    blocks.join("\n")
}

fn one(module: &Module) -> String {
    let manifest = &module.manifest;
    let mut out = format!("{}: {}\n", manifest.name, manifest.summary);
    let _ = writeln!(out, "  source: {}", module.source.describe());
    let needs = manifest.needs();
    if !needs.is_empty() {
        let _ = writeln!(out, "  needs:  {needs}");
    }
    if !manifest.drivers.is_empty() {
        let _ = writeln!(out, "  driver: {}", manifest.drivers.join(" or "));
    }
    let _ = writeln!(out, "  memory: {}", manifest.memory);
    let _ = writeln!(out, "\n  Options, in [modules.{}]:", manifest.name);
    for key in schema::module(manifest) {
        let default = key
            .default
            .as_ref()
            .map_or("\"auto\"".into(), crate::config::literal);
        let _ = writeln!(
            out,
            "    {} = {default}\n        {}",
            key.name(),
            key.summary
        );
    }
    out.push_str("\n  Metrics:\n");
    for metric in &manifest.metrics {
        write_metric(&mut out, manifest, metric);
    }
    out
}

fn write_metric(out: &mut String, manifest: &Manifest, metric: &Metric) {
    let mut notes = vec![kind(metric.kind)];
    if metric.unit != Unit::None {
        notes.push(metric.unit.as_str());
    }
    if metric.stability != Stability::Stable {
        notes.push(stability(metric.stability));
    }
    let _ = writeln!(
        out,
        "    {} ({})\n        {}",
        metric.name,
        notes.join(", "),
        metric.help
    );
    for (label, values) in labels(manifest, metric) {
        let _ = writeln!(out, "        {label}: {values}");
    }
    if let Some(option) = &metric.when {
        let _ = writeln!(out, "        Only with {option} = true.");
    }
}
