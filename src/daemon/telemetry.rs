use super::DaemonError;
use crate::config::Loaded;
use crate::kernel::share_memory;
use crate::push;
use crate::telemetry::Telemetry;

/// What sends the daemon's own messages and spans to the endpoints that want them, from its first
/// message on to its last. None where no endpoint does.
///
/// # Errors
///
/// The system has no room for another thread.
pub fn telemetry(loaded: &Loaded) -> Result<Option<Telemetry>, DaemonError> {
    // Before there is a thread that has memory of its own.
    share_memory();
    let environment: Vec<_> = std::env::vars_os().collect();
    Telemetry::start(&loaded.config.otlp, &environment, push::Limits::default())
        .map_err(DaemonError::Runtime)
}
