use std::fmt::Write as _;

use crate::config::{Config, ConfigError, Enabled, Otlp, OtlpProtocol};

/// Every mistake on a line of its own, and how many there are.
pub fn mistakes(errors: &[ConfigError]) -> String {
    let mut out = String::new();
    for error in errors {
        let _ = writeln!(out, "{}", error.to_string().replace('\n', " "));
    }
    let plural = if errors.len() == 1 {
        "mistake"
    } else {
        "mistakes"
    };
    let _ = writeln!(out, "{} {plural} in the configuration", errors.len());
    out
}

/// Where is pushed to.
fn pushed(otlp: &Otlp) -> String {
    if !otlp.enabled || otlp.endpoints.is_empty() {
        return "nothing is pushed".to_owned();
    }
    let endpoints = otlp.endpoints.iter().map(|(name, endpoint)| {
        let protocol = match endpoint.protocol {
            OtlpProtocol::HttpProtobuf => "http/protobuf",
            OtlpProtocol::Grpc => "grpc",
        };
        format!("{name} at {} ({protocol})", endpoint.shown_url())
    });
    let endpoints: Vec<String> = endpoints.collect();
    let interval = humantime::format_duration(otlp.interval);
    format!("pushed every {interval} to {}", endpoints.join(", "))
}

/// One line on a configuration that is right.
pub fn summary(config: &Config) -> String {
    let file = config
        .file
        .as_ref()
        .map_or("defaults, no file".into(), |file| {
            file.display().to_string()
        });
    let modules: Vec<String> = config
        .modules
        .iter()
        .map(|(name, module)| {
            let state = match module.enabled {
                Enabled::Yes => "on",
                Enabled::No => "off",
                Enabled::Auto => "auto",
            };
            format!("{name} {state}")
        })
        .collect();
    let addresses: Vec<String> = config
        .web
        .listen_addresses
        .iter()
        .map(ToString::to_string)
        .collect();
    let modules = if modules.is_empty() {
        "none".into()
    } else {
        modules.join(", ")
    };
    format!(
        "configuration is valid ({file}); modules: {modules}; metrics at {} on {}; {}\n",
        config.web.telemetry_path,
        addresses.join(", "),
        pushed(&config.otlp)
    )
}
