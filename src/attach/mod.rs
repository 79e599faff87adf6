//! Programs at functions of shared libraries: attached as files of them are found on the
//! machine, detached when nobody uses them any more.

mod attention;
mod module;
mod name;
mod points;
mod scans;
mod status;
mod watcher;
mod workload;

pub use attention::Attention;
pub use module::Attacher;
pub use name::Naming;
pub use scans::Scans;
pub use status::Status;
pub use watcher::Watcher;
