use super::super::layer::Setting;
use crate::document::Problems;

/// The endpoint that flags and OpenTelemetry's variables set, and whose keys are always there.
pub const DEFAULT: &str = "default";

/// Before the name of an endpoint's section.
const SECTION: &str = "otlp.endpoints.";

/// The names of all endpoints that somebody speaks of, with [`DEFAULT`].
pub fn endpoints<'a>(
    settings: impl IntoIterator<Item = &'a Setting>,
    problems: &Problems,
) -> Vec<String> {
    let mut names = vec![DEFAULT.to_owned()];
    for setting in settings {
        let Some(rest) = setting.path.strip_prefix(SECTION) else {
            continue;
        };
        let name = rest.split('.').next().unwrap_or_default();
        if !is_name(name) {
            problems.add(
                &setting.origin,
                format!("{name:?} cannot name an endpoint: use letters, digits, \"_\" and \"-\""),
            );
        } else if names.iter().all(|known| known != name) {
            names.push(name.to_owned());
        }
    }
    names
}

fn is_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
    !name.is_empty() && name.bytes().all(fits)
}
