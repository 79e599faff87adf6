use std::panic::resume_unwind;
use std::thread;

use crate::config::{ConfigError, Loaded};
use crate::kernel::{Duty, confine};
use crate::push::check_tls;

/// What keeps the certificates of endpoints from being used, each where it was written. They are
/// read as they are when something is pushed: by a thread that has no capabilities.
pub fn check_endpoints(loaded: &Loaded) -> Vec<ConfigError> {
    thread::scope(|scope| {
        let checking = scope.spawn(|| {
            confine(Duty::Serve);
            mistakes(loaded)
        });
        // A panic there is one here.
        checking.join().unwrap_or_else(|panic| resume_unwind(panic))
    })
}

fn mistakes(loaded: &Loaded) -> Vec<ConfigError> {
    let otlp = &loaded.config.otlp;
    let endpoints = otlp.endpoints.iter().filter(|_| otlp.enabled);
    let mistakes = endpoints.filter_map(|(name, endpoint)| {
        let error = check_tls(endpoint).err()?;
        let path = format!(
            "otlp.endpoints.{name}.{}",
            error.key().unwrap_or("endpoint")
        );
        Some(ConfigError {
            origin: loaded.origin(&path).clone(),
            message: format!("{path}: {error}"),
        })
    });
    mistakes.collect()
}
