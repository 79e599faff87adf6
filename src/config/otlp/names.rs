use super::super::layer::{Input, Setting};
use crate::document::{Node, Origin, Problems, Value};

/// The endpoint that flags and OpenTelemetry's variables set, and whose keys are always there.
pub const DEFAULT: &str = "default";

/// Before the name of an endpoint's section.
const SECTION: &str = "otlp.endpoints.";

/// The names of all endpoints that somebody speaks of, with [`DEFAULT`], and where each is
/// spoken of first.
pub fn endpoints<'a>(
    settings: impl IntoIterator<Item = &'a Setting>,
    problems: &Problems,
) -> Vec<(String, Origin)> {
    let mut names = vec![(DEFAULT.to_owned(), Origin::Default)];
    for setting in settings {
        let Some(rest) = setting.path.strip_prefix(SECTION) else {
            continue;
        };
        let name = rest.split('.').next().unwrap_or_default();
        // A key that lacks its endpoint names none.
        let is_table = |node: &Node| matches!(node.value, Value::Table(_));
        if name == rest && !matches!(&setting.input, Input::Node(node) if is_table(node)) {
            continue;
        }
        if names.iter().any(|(known, _)| known == name) {
            continue;
        }
        names.push((name.to_owned(), setting.origin.clone()));
        if !is_name(name) {
            let remedy = "use small letters, digits and \"_\", as variables can tell";
            let what = format!("{name:?} cannot name an endpoint: {remedy}");
            problems.add(&setting.origin, what);
        }
    }
    names
}

fn is_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    // Two are what separates the parts of a variable's name.
    !name.is_empty() && name.bytes().all(fits) && !name.contains("__")
}
