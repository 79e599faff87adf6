use std::fmt::Write as _;
use std::sync::Arc;

use super::{kind, labels, names, stability};
use crate::config::{literal, schema};
use crate::module::{Manifest, Module};
use crate::snapshot::{Descriptor, Kind, Unit};

const INTRODUCTION: &str = "\
# Metrics

<!-- Generated from the modules' manifests. Do not edit: run `cargo xtask docs`. -->

Every metric of every built-in module, then Geophone's own. A metric is exposed only while
the programs that fill it are attached: an absent series means that nothing was measured,
and a zero that nothing happened.

Histograms are exposed as native histograms of schema 3 (8 buckets per octave) to scrapers
that ask for protobuf, and with classic buckets at powers of two, edges that both have in
common. *Experimental* metrics may change in any release, *stable* ones only with a major one.
";

/// The metric reference, `docs/metrics.md`; `own` are Geophone's own metrics.
pub fn modules<'a>(modules: impl IntoIterator<Item = &'a Module>, own: &[Descriptor]) -> String {
    let mut out = String::from(INTRODUCTION);
    let mut all = Vec::new();
    for module in modules {
        let manifest = &module.manifest;
        write_module(&mut out, manifest);
        let metrics = manifest.metrics.iter();
        all.extend(metrics.map(|metric| manifest.descriptor(metric, metric.per_cpu.is_some())));
    }
    if !own.is_empty() {
        out.push_str("\n## Geophone itself\n");
        for descriptor in own {
            let labels = descriptor
                .labels
                .iter()
                .map(|label| (label.clone(), String::new()));
            let labels: Vec<_> = labels.collect();
            write_metric(&mut out, descriptor, &labels);
        }
    }
    all.extend(own.iter().cloned().map(Arc::new));
    names::write(&mut out, &all);
    out
}

fn write_module(out: &mut String, manifest: &Manifest) {
    let name = &manifest.name;
    let _ = writeln!(
        out,
        "\n## {name}\n\n{}.",
        manifest.summary.trim_end_matches('.')
    );
    let _ = writeln!(
        out,
        "\nKernel memory: {}.",
        manifest.memory.trim_end_matches('.')
    );
    let needs = manifest.needs();
    if !needs.is_empty() {
        let _ = writeln!(out, "\nCapabilities: {needs}.");
    }
    if !manifest.drivers.is_empty() {
        let drivers = manifest.drivers.join("`, `");
        let _ = writeln!(
            out,
            "\nKernel drivers, one of which is needed: `{drivers}`."
        );
    }
    let _ = writeln!(
        out,
        "\n| option in `[modules.{name}]` | default | |\n|---|---|---|"
    );
    for key in schema::module(manifest) {
        let default = key.default.as_ref().map_or("\"auto\"".into(), literal);
        let summary = cell(&key.summary);
        let _ = writeln!(
            out,
            "| `{}` | `{}` | {summary} |",
            key.name(),
            cell(&default)
        );
    }
    for metric in &manifest.metrics {
        let descriptor = manifest.descriptor(metric, metric.per_cpu.is_some());
        let labels = labels(manifest, metric);
        write_metric(out, &descriptor, &labels);
        let cpus = if metric.per_cpu.is_some() {
            ", times the CPUs if split by them"
        } else {
            ""
        };
        let series = manifest.worst_case_series(metric);
        let plural = if series == 1 { "" } else { "s" };
        let _ = writeln!(out, "- at most {series} label set{plural}{cpus}");
        if let Some(option) = &metric.when {
            let _ = writeln!(out, "- only with `{option} = true`");
        }
    }
}

fn write_metric(out: &mut String, descriptor: &Descriptor, labels: &[(String, String)]) {
    let _ = writeln!(out, "\n### `{}`\n\n{}\n", descriptor.name, descriptor.help);
    let unit = if descriptor.unit == Unit::None {
        String::new()
    } else {
        format!(" in {}", descriptor.unit.as_str())
    };
    let _ = writeln!(
        out,
        "- {}{unit}, {}",
        kind(descriptor.kind),
        stability(descriptor.stability)
    );
    if descriptor.kind == Kind::Histogram {
        let (first, last) = descriptor.classic;
        let _ = writeln!(out, "- classic buckets: 2^{first} to 2^{last}");
    }
    let _ = writeln!(
        out,
        "- OTLP: `{}`, unit `{}`",
        descriptor.otlp.name, descriptor.otlp.unit
    );
    for (label, values) in labels {
        let values = if values.is_empty() {
            String::new()
        } else {
            format!(": {values}")
        };
        let _ = writeln!(out, "- label `{label}`{values}");
    }
}

/// Text that does not end a table's cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}
