use super::names;
use crate::document::{Fields, Origin, Problems, Table};
use crate::module::model::{Discovery, Key, KeySource, Map};

const KEYS: &[&str] = &[
    "field", "label", "labels", "discover", "max", "include", "exclude", "values",
];

/// A bound that keeps per-CPU values of every key affordable.
const MAX_DISCOVERED: i64 = 65_536;

/// Reads the `keys` of a map.
pub(super) fn read(fields: &Fields<'_>, problems: &Problems) -> Option<Vec<Key>> {
    let tables = fields.tables("keys");
    let keys: Vec<Key> = tables
        .iter()
        .filter_map(|table| key(table, problems))
        .collect();
    if fields.array("keys").is_some_and(|at| at.value.is_empty()) {
        problems.add(
            fields.origin(),
            "keys must not be empty; leave it out for a single record",
        );
        return None;
    }
    for (at, later) in keys.iter().enumerate() {
        for earlier in keys.iter().take(at) {
            for label in &later.labels {
                if earlier.labels.contains(label) {
                    problems.add(
                        fields.origin(),
                        format!("two keys have the label {label:?}"),
                    );
                }
            }
            if earlier.field == later.field {
                problems.add(
                    fields.origin(),
                    format!("two keys have the field {:?}", later.field),
                );
            }
        }
    }
    let discovered = keys
        .iter()
        .filter(|key| matches!(key.source, KeySource::Discovered { .. }));
    if discovered.count() > 1 {
        problems.add(
            fields.origin(),
            "only one key of a map can have discover: its entries come and go with one kind of thing",
        );
    }
    (keys.len() == tables.len()).then_some(keys)
}

fn key(table: &Table, problems: &Problems) -> Option<Key> {
    let fields = Fields::new(table, "keys", KEYS, problems);
    let field = fields
        .required_text("field")
        .and_then(|at| names::symbol(at, "field", problems));
    let labels = labels(&fields, problems);
    let source = match (fields.has("discover"), fields.has("values")) {
        (true, false) => discovered(&fields, problems),
        (false, true) => values(&fields, problems),
        _ => {
            problems.add(fields.origin(), "a key has either discover or values");
            None
        }
    };
    let key = Key {
        field: field?,
        labels: labels?,
        source: source?,
    };
    check_several(&fields, &key, problems);
    Some(key)
}

/// `label`, or `labels` of what is called by several names.
fn labels(fields: &Fields<'_>, problems: &Problems) -> Option<Vec<String>> {
    if !fields.has("labels") {
        let label = fields.required_text("label")?;
        return Some(vec![names::label(label, problems)?]);
    }
    if fields.has("label") {
        problems.add(fields.origin(), "a key has either label or labels");
    }
    names::labels(fields, "labels", problems)
}

/// Only names that programs leave come in several parts, and a pattern is for one.
fn check_several(fields: &Fields<'_>, key: &Key, problems: &Problems) {
    if key.labels.len() < 2 {
        return;
    }
    let KeySource::Discovered {
        discovery: Discovery::Seen,
        include,
        exclude,
        ..
    } = &key.source
    else {
        return problems.add(
            fields.origin(),
            "only keys with discover = \"seen\" have labels",
        );
    };
    if !include.is_empty() || !exclude.is_empty() {
        problems.add(
            fields.origin(),
            "include and exclude are for keys with one label",
        );
    }
}

fn discovered(fields: &Fields<'_>, problems: &Problems) -> Option<KeySource> {
    let discovery = fields
        .text("discover")
        .and_then(|at| names::choice(at, "discover", &Discovery::ALL, problems));
    fields.require("max");
    let max = fields.integer("max").and_then(|at| {
        let fits = u32::try_from(at.value)
            .ok()
            .filter(|_| (1..=MAX_DISCOVERED).contains(&at.value));
        if fits.is_none() {
            problems.add(at.origin, format!("max must be from 1 to {MAX_DISCOVERED}"));
        }
        fits
    });
    let include = pattern(fields, "include", problems);
    let exclude = pattern(fields, "exclude", problems);
    if !include.is_empty() && !exclude.is_empty() {
        problems.add(
            fields.origin(),
            "a key has either include or exclude as its default",
        );
    }
    Some(KeySource::Discovered {
        discovery: discovery?,
        max: max?,
        include,
        exclude,
    })
}

fn pattern(fields: &Fields<'_>, key: &str, problems: &Problems) -> String {
    let Some(at) = fields.text(key) else {
        return String::new();
    };
    if let Err(error) = regex_lite::Regex::new(at.value) {
        problems.add(
            at.origin,
            format!("{key} is not a valid regular expression: {error}"),
        );
    }
    at.value.to_owned()
}

fn values(fields: &Fields<'_>, problems: &Problems) -> Option<KeySource> {
    for key in ["max", "include", "exclude"] {
        if fields.has(key) {
            problems.add(
                fields.origin(),
                format!("{key} is only for keys with discover"),
            );
        }
    }
    let array = fields.array("values")?;
    let texts = fields.texts("values");
    if array.value.is_empty() {
        problems.add(array.origin, "values must not be empty");
    }
    let values = names::distinct(&texts, "label value", problems);
    (!values.is_empty() && values.len() == array.value.len()).then_some(KeySource::Values(values))
}

/// Notes maps that discover different things under one label: they share its filters.
pub(super) fn check_consistent<'a>(
    maps: impl Iterator<Item = &'a Map>,
    origin: &Origin,
    problems: &Problems,
) {
    let mut known: Vec<(&Key, &Map)> = Vec::new();
    for map in maps {
        for key in map.keys() {
            let shares = |known: &Key| known.labels.iter().any(|it| key.labels.contains(it));
            let Some((first, other)) = known.iter().find(|(known, _)| shares(known)) else {
                known.push((key, map));
                continue;
            };
            if first.labels != key.labels || !same_filters(&first.source, &key.source) {
                let (label, a, b) = (key.labels.join("\", \""), &other.name, &map.name);
                problems.add(
                    origin,
                    format!("label \"{label}\" comes from different keys in maps {a} and {b}; make discover, include and exclude agree, or rename one"),
                );
            }
        }
    }
}

fn same_filters(a: &KeySource, b: &KeySource) -> bool {
    match (a, b) {
        (
            KeySource::Discovered {
                discovery,
                include,
                exclude,
                ..
            },
            KeySource::Discovered {
                discovery: other,
                include: other_include,
                exclude: other_exclude,
                ..
            },
        ) => discovery == other && include == other_include && exclude == other_exclude,
        (KeySource::Values(_), KeySource::Values(_)) => true,
        _ => false,
    }
}
