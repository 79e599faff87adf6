//! Names that two modules, or two metrics, cannot share.

use std::sync::Arc;

use super::Manifest;
use super::catalogue::{Module, ModuleSource};
use super::model::Metric;
use crate::document::{Origin, Problems};

/// What OpenMetrics calls a metric: counters are named without `_total` there, and a page has
/// every name once.
pub(super) fn family(name: &str) -> &str {
    name.strip_suffix("_total").unwrap_or(name)
}

/// Why two metrics cannot stand beside each other although their names differ.
pub(super) const ONE_FAMILY: &str = "are one metric in OpenMetrics, which leaves out \"_total\"";

/// Notes what a manifest and the modules before it both have, at its own names. Says whether
/// the module's name is among it.
pub(super) fn note(manifest: &Manifest, others: &[Arc<Module>], problems: &Problems) -> bool {
    let namesake = others
        .iter()
        .find(|other| other.manifest.name == manifest.name);
    if let Some(other) = namesake {
        let (name, other) = (&manifest.name, place(other, &other.manifest.origin));
        problems.add(
            &manifest.origin,
            format!("module \"{name}\" is already there ({other}); give this one another name"),
        );
    }
    // A copy has the metrics of the original, which is no further mistake.
    let strangers = others
        .iter()
        .filter(|other| other.manifest.name != manifest.name);
    for metric in &manifest.metrics {
        let taken = strangers.clone().find_map(|other| {
            let mut metrics = other.manifest.metrics.iter();
            let found = metrics.find(|taken| family(&taken.name) == family(&metric.name));
            found.map(|taken| (other, taken))
        });
        if let Some((owner, taken)) = taken {
            problems.add(&metric.origin, describe(metric, owner, taken));
        }
    }
    namesake.is_some()
}

fn describe(metric: &Metric, owner: &Module, taken: &Metric) -> String {
    let (name, module) = (&metric.name, &owner.manifest.name);
    let place = place(owner, &taken.origin);
    let what = if taken.name == *name {
        format!("metric \"{name}\" is already one of module \"{module}\" ({place})")
    } else {
        let taken = &taken.name;
        format!("\"{name}\" and \"{taken}\" of module \"{module}\" ({place}) {ONE_FAMILY}")
    };
    format!("{what}; give this one another name")
}

/// Where something of another module stands, as far as a user can look there.
fn place(module: &Module, origin: &Origin) -> String {
    match module.source {
        ModuleSource::Builtin => module.source.describe(),
        ModuleSource::File(_) => origin.to_string(),
    }
}
