//! `GEOPHONE_*`: two underscores separate sections, one belongs to the name.

use std::ffi::OsString;

use super::layer::{RawSetting, Text};
use crate::document::{Origin, Problems};

const PREFIX: &str = "GEOPHONE_";

/// Names the configuration file.
pub(super) const FILE: &str = "GEOPHONE_CONFIG__FILE";

/// Begins the variables that say what a test run must not skip. They may be set for the whole
/// environment that the daemon is tried in, and are no settings.
const OF_TEST_RUNS: &str = "GEOPHONE_REQUIRE_";

/// The variable of a key.
pub(super) fn variable(path: &str) -> String {
    format!("{PREFIX}{}", path.replace('.', "__").to_uppercase())
}

/// The settings in the environment, by the key each variable names.
pub(super) fn settings(
    environment: &[(OsString, OsString)],
    problems: &Problems,
) -> Vec<RawSetting> {
    let mut settings = Vec::new();
    for (name, value) in environment {
        let Some(name) = name.to_str().filter(|name| is_ours(name)) else {
            continue;
        };
        let origin = Origin::Variable(name.to_owned());
        let Some(value) = value.to_str() else {
            problems.add(&origin, "the value is not valid UTF-8");
            continue;
        };
        let rest = name.strip_prefix(PREFIX).unwrap_or(name);
        let path = rest.to_lowercase().replace("__", ".");
        settings.push(RawSetting {
            path,
            text: Text::One(value.to_owned()),
            origin,
        });
    }
    settings.sort_by(|a, b| a.path.cmp(&b.path));
    settings
}

fn is_ours(name: &str) -> bool {
    name.starts_with(PREFIX)
        && name != FILE
        && !name.starts_with(OF_TEST_RUNS)
        && !is_service_link(name)
}

/// Whether Kubernetes put the variable there because a service is called `geophone…`:
/// `…_SERVICE_HOST`, `…_SERVICE_PORT[_NAME]`, `…_PORT`, `…_PORT_80_TCP[_ADDR|_PORT|_PROTO]`.
fn is_service_link(name: &str) -> bool {
    if name.contains("__") {
        return false;
    }
    let port = |(_, rest): (&str, &str)| {
        let mut words = rest.split('_');
        words.next().is_some_and(|port| port.parse::<u16>().is_ok())
            && words
                .next()
                .is_some_and(|protocol| ["TCP", "UDP", "SCTP"].contains(&protocol))
    };
    name.ends_with("_SERVICE_HOST")
        || name.contains("_SERVICE_PORT")
        || name.ends_with("_PORT")
        || name.split_once("_PORT_").is_some_and(port)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::schema;
    use crate::module::samples::catalogue;

    #[test]
    fn what_others_set_is_not_ours() {
        for name in [
            "GEOPHONE_SERVICE_HOST",
            "GEOPHONE_SERVICE_PORT_HTTP",
            "GEOPHONE_HEADLESS_PORT",
            "GEOPHONE_PORT_10435_TCP_ADDR",
            "GEOPHONE_REQUIRE_BPF",
            "GEOPHONE_REQUIRE_PROMETHEUS",
            "GEOPHONE_CONFIG__FILE",
            "PATH",
        ] {
            assert!(!is_ours(name), "{name}");
        }
        for name in [
            "GEOPHONE_WEB__MAX_REQUESTS",
            "GEOPHONE_BTF",
            "GEOPHONE_PORTS",
            "GEOPHONE_REQUIRED",
            "GEOPHONE_PROMETHEUS",
        ] {
            assert!(is_ours(name), "{name}");
        }
    }

    #[test]
    fn every_key_can_be_set() {
        for key in schema::all(&catalogue(), &[]) {
            assert!(is_ours(&key.variable()), "{}", key.path);
        }
    }
}
