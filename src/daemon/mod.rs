//! The commands that load modules: running, collecting once, and telling what is possible.

mod bring_up;
mod collect;
mod doctor;
mod error;
mod run;
mod source;
mod statistics;

pub use collect::collect;
pub use doctor::{Diagnosis, diagnose};
pub use error::DaemonError;
pub use run::run;
