//! The commands that load modules: running, collecting once, and telling what is possible.

mod bring_up;
mod collect;
mod doctor;
mod error;
mod run;
mod source;
mod statistics;
mod type_information;

pub use collect::collect;
pub use doctor::{Diagnosis, diagnose};
pub use error::DaemonError;
pub use run::run;
pub use type_information::check_type_information;

use crate::snapshot::Descriptor;

/// Every metric that is Geophone's own, for the metric reference.
pub fn own_metrics() -> Vec<Descriptor> {
    let own = crate::introspect::TABLE.iter();
    own.map(|metric| metric.describe())
        .chain(crate::http::descriptors())
        .collect()
}
