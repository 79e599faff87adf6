//! How things may be named.

use crate::document::{At, Fields, Problems, did_you_mean};

/// Lower-case words of letters and digits, joined by single underscores, the first beginning
/// with a letter.
pub(super) fn is_snake_case(name: &str) -> bool {
    let word = |word: &str| {
        !word.is_empty()
            && word
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
    };
    name.starts_with(|c: char| c.is_ascii_lowercase()) && name.split('_').all(word)
}

/// What C, ELF and BTF accept as a symbol.
pub(super) fn is_symbol(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Notes a name that is not [snake case](is_snake_case).
pub(super) fn snake_case<'a>(
    name: At<'a, &'a str>,
    what: &str,
    problems: &Problems,
) -> Option<At<'a, &'a str>> {
    if is_snake_case(name.value) {
        return Some(name);
    }
    let rule = "lower-case words joined by single underscores, beginning with a letter";
    problems.add(
        name.origin,
        format!("{what} {:?} must be {rule}", name.value),
    );
    None
}

/// Notes a name that cannot be a [symbol](is_symbol).
pub(super) fn symbol(name: At<'_, &str>, what: &str, problems: &Problems) -> Option<String> {
    if is_symbol(name.value) {
        return Some(name.value.to_owned());
    }
    let rule = "a C identifier, because it is a symbol of the object";
    problems.add(
        name.origin,
        format!("{what} {:?} must be {rule}", name.value),
    );
    None
}

/// Notes a member path, such as `size.sum`, whose parts are not all [symbols](is_symbol).
pub(super) fn members(path: At<'_, &str>, problems: &Problems) -> Option<String> {
    if path.value.split('.').all(is_symbol) {
        return Some(path.value.to_owned());
    }
    let rule = "a member of the map's value, or a path of members such as \"size.sum\"";
    problems.add(
        path.origin,
        format!("field {:?} must be {rule}", path.value),
    );
    None
}

/// Checks a module's name.
pub(super) fn module(name: At<'_, &str>, problems: &Problems) -> Option<String> {
    // `[modules] default` is a setting of its own.
    if name.value == "default" {
        problems.add(name.origin, "a module cannot be named \"default\": the configuration key modules.default has that name");
        return None;
    }
    snake_case(name, "module name", problems).map(|name| name.value.to_owned())
}

/// The names of several labels, each another.
pub(super) fn labels(fields: &Fields<'_>, key: &str, problems: &Problems) -> Option<Vec<String>> {
    let texts = fields.texts(key);
    let distinct = distinct(&texts, "label", problems);
    if texts.is_empty() {
        problems.add(fields.origin(), format!("{key} must name labels"));
    }
    let labels = texts.iter().filter_map(|at| label(*at, problems));
    let labels: Vec<String> = labels.collect();
    (!labels.is_empty() && labels == distinct).then_some(labels)
}

/// Checks a label's name by Prometheus' rules.
pub(super) fn label(name: At<'_, &str>, problems: &Problems) -> Option<String> {
    let reason = match name.value {
        "type" => "says nothing; name what kind of type it is",
        "le" | "quantile" => "is what Prometheus itself puts on histograms and summaries",
        "cpu" => "is added by per_cpu",
        "job" | "instance" => "is what Prometheus puts on every target",
        _ => return snake_case(name, "label", problems).map(|name| name.value.to_owned()),
    };
    problems.add(
        name.origin,
        format!("a label cannot be named {:?}: that {reason}", name.value),
    );
    None
}

/// The value that `options` give for a word, noting an unknown one.
pub(super) fn choice<T: Copy>(
    word: At<'_, &str>,
    key: &str,
    choices: &[(&'static str, T)],
    problems: &Problems,
) -> Option<T> {
    let found = choices.iter().find(|(name, _)| *name == word.value);
    if found.is_none() {
        let hint = did_you_mean(word.value, choices.iter().map(|(name, _)| *name));
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        let names = names.join(", ");
        problems.add(
            word.origin,
            format!("{key} must be one of {names}, found {:?}{hint}", word.value),
        );
    }
    found.map(|(_, value)| *value)
}

/// Reads a list of distinct, non-empty texts, such as label values.
pub(super) fn distinct(values: &[At<'_, &str>], what: &str, problems: &Problems) -> Vec<String> {
    let mut seen: Vec<String> = Vec::with_capacity(values.len());
    for At { value, origin } in values {
        if value.is_empty() {
            problems.add(origin, format!("{what} must not be empty"));
        } else if seen.iter().any(|known| known == value) {
            problems.add(origin, format!("{what} {value:?} is listed twice"));
        }
        seen.push((*value).to_owned());
    }
    seen
}
