use super::DaemonError;
use crate::config::{Loaded, Otlp};
use crate::kernel::share_memory;
use crate::push;
use crate::telemetry::Telemetry;

/// How much of `otlp.flush_timeout` the last metrics may take. The rest is for what is said of
/// them, which would not arrive if one dead endpoint could use it all.
const METRICS_SHARE: f64 = 0.8;

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

/// What is pushed, so that there is time for the last messages after it.
pub(super) fn for_metrics(otlp: &Otlp, telemetry: Option<&Telemetry>) -> Otlp {
    let mut otlp = otlp.clone();
    if telemetry.is_some() {
        otlp.flush_timeout = otlp.flush_timeout.mul_f64(METRICS_SHARE);
    }
    otlp
}
