use crate::config::{ConfigError, Loaded};
use crate::push::check_tls;

/// What keeps the certificates of endpoints from being used, each where it was written.
pub fn check_endpoints(loaded: &Loaded) -> Vec<ConfigError> {
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
