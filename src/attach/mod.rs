//! Programs at functions of shared libraries: attached as files of them are found on the
//! machine, detached when nobody uses them any more.

mod module;
mod status;
mod watcher;
mod workload;

pub use module::Attacher;
pub use status::Status;
pub use watcher::Watcher;
