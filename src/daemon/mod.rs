//! The commands that load modules: running, collecting once, and telling what is possible.

mod announce;
mod bring_up;
mod collect;
mod doctor;
mod endpoints;
mod error;
mod extra;
mod follow;
mod run;
mod search;
mod source;
mod started;
mod statistics;
mod telemetry;
mod threads;
mod type_information;

pub use collect::collect;
pub use doctor::{Diagnosis, diagnose};
pub use endpoints::check_endpoints;
pub use error::DaemonError;
pub use run::run;
pub use telemetry::telemetry;
pub use type_information::check_type_information;

use crate::snapshot::Descriptor;

/// Every metric that is Geophone's own, for the metric reference.
pub fn own_metrics() -> Vec<Descriptor> {
    let own = crate::introspect::TABLE.iter();
    own.map(|metric| Descriptor::clone(&metric.descriptor()))
        .chain(crate::http::descriptors())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::{Kind, Unit};

    /// As of the metrics of modules, but for those of the process, which both worlds have names
    /// for.
    #[test]
    fn own_metrics_are_called_the_same_over_otlp() {
        for metric in own_metrics() {
            let Descriptor {
                name,
                kind,
                unit,
                otlp,
                ..
            } = &metric;
            if name.starts_with("process_") {
                continue;
            }
            assert_eq!(otlp.in_prometheus(*kind, *unit), *name);
            // A gauge of unit 1 would be translated to a ratio.
            let is_count = matches!(kind, Kind::Gauge | Kind::Info) && *unit == Unit::None;
            assert!(!is_count || otlp.unit.starts_with('{'), "{name}");
        }
    }
}
