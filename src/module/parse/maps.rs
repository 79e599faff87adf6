use super::declared::Declared;
use super::{Scope, keys, names, places, seen};
use crate::document::{At, Fields};
use crate::module::model::{Discovery, Key, KeySource, Map, MapKind, OptionKind};

const KEYS: &[&str] = &[
    "name",
    "when",
    "keys",
    "internal",
    "held",
    "places",
    "members",
    "names",
    "candidates",
    "tally",
    "attention",
    "max_entries",
    "size_option",
];

/// No map of a module can sensibly be larger; the kernel would refuse or starve the machine.
const MAX_ENTRIES: u64 = 1 << 20;

/// Reads `[[maps]]`.
pub(super) fn read(fields: &Fields<'_>, scope: &Scope<'_>) -> Declared<Map> {
    let mut declared = Declared::default();
    fields.require("maps");
    for table in fields.tables("maps") {
        let fields = Fields::new(table, "[[maps]]", KEYS, scope.problems);
        let name = fields.required_text("name");
        let symbol = name.and_then(|at| names::symbol(at, "map", scope.problems));
        let when = scope.bool_option(&fields, "when");
        let kind = kind(&fields, scope);
        let map = symbol
            .zip(kind)
            .map(|(name, kind)| Map { name, when, kind });
        if let Some(map) = &map
            && map.entries() > MAX_ENTRIES
        {
            let entries = map.entries();
            scope.problems.add(
                fields.origin(),
                format!("the keys allow {entries} entries, more than {MAX_ENTRIES}"),
            );
        }
        if let Some(name) = name {
            declared.add(name, map, "map", scope.problems);
        }
    }
    keys::check_consistent(declared.valid(), fields.origin(), scope.problems);
    seen::check(&declared, fields, scope.problems);
    declared
}

fn kind(fields: &Fields<'_>, scope: &Scope<'_>) -> Option<MapKind> {
    if fields.has("candidates") && !fields.has("names") {
        let rule = "candidates is only for maps of names";
        scope.problems.add(fields.origin(), rule);
    }
    let internal = fields.boolean("internal").is_some_and(|at| at.value);
    if internal {
        if fields.has("keys") {
            scope.problems.add(
                fields.origin(),
                "an internal map has no keys: nothing exports it",
            );
        }
        return internal_kind(fields, scope);
    }
    if fields.has("members") {
        return members(fields, scope);
    }
    if fields.has("names") {
        return seen::names(fields, scope);
    }
    if fields.has("tally") {
        return tally(fields, scope);
    }
    if fields.boolean("attention").is_some_and(|at| at.value) {
        return attention(fields, scope);
    }
    if fields.boolean("held").is_some_and(|at| at.value) {
        return held(fields, scope);
    }
    if fields.boolean("places").is_some_and(|at| at.value) {
        return places::read(fields, scope);
    }
    for key in ["max_entries", "size_option"] {
        if fields.has(key) {
            let remedy = "the keys size the others";
            scope.problems.add(
                fields.origin(),
                format!("{key} is only for internal maps: {remedy}"),
            );
        }
    }
    if !fields.has("keys") {
        return Some(MapKind::Record);
    }
    keys::read(fields, scope.problems).map(MapKind::Keyed)
}

fn held(fields: &Fields<'_>, scope: &Scope<'_>) -> Option<MapKind> {
    fields.require("keys");
    let keys = keys::read(fields, scope.problems)?;
    let is_workload = |key: &Key| {
        let discovery = Discovery::Workload;
        matches!(key.source, KeySource::Discovered { discovery: it, .. } if it == discovery)
    };
    if !matches!(&keys[..], [only] if is_workload(only)) {
        scope.problems.add(
            fields.origin(),
            "what processes hold has one key: a process or thread id, with discover = \"workload\"",
        );
        return None;
    }
    match internal_kind(fields, scope)? {
        MapKind::Internal {
            max_entries,
            size_option,
        } => Some(MapKind::Held {
            keys,
            max_entries,
            size_option,
        }),
        _ => None,
    }
}

fn tally(fields: &Fields<'_>, scope: &Scope<'_>) -> Option<MapKind> {
    if fields.has("keys") {
        scope.problems.add(
            fields.origin(),
            "a tally has no keys: its keys are the names of its labels",
        );
    }
    let labels = names::labels(fields, "tally", scope.problems);
    match internal_kind(fields, scope)? {
        MapKind::Internal { max_entries, .. } => Some(MapKind::Tally {
            labels: labels?,
            max_entries,
        }),
        _ => None,
    }
}

fn attention(fields: &Fields<'_>, scope: &Scope<'_>) -> Option<MapKind> {
    if fields.has("keys") {
        scope.problems.add(
            fields.origin(),
            "a map of processes to look at has no keys: it is an array",
        );
    }
    match internal_kind(fields, scope)? {
        MapKind::Internal { max_entries, .. } => Some(MapKind::Attention { max_entries }),
        _ => None,
    }
}

fn members(fields: &Fields<'_>, scope: &Scope<'_>) -> Option<MapKind> {
    if fields.has("keys") {
        scope.problems.add(
            fields.origin(),
            "a map of members has no keys: its keys are process ids",
        );
    }
    let label = fields
        .text("members")
        .and_then(|at| names::label(at, scope.problems));
    match internal_kind(fields, scope)? {
        MapKind::Internal { max_entries, .. } => Some(MapKind::Members {
            label: label?,
            max_entries,
        }),
        _ => None,
    }
}

pub(super) fn internal_kind(fields: &Fields<'_>, scope: &Scope<'_>) -> Option<MapKind> {
    let problems = scope.problems;
    let size_option = fields.text("size_option");
    let default = size_option.and_then(|at| size_default(at, scope));
    let entries = fields.integer("max_entries");
    if let (Some(entries), Some(default)) = (entries, default)
        && i64::from(default) != entries.value
    {
        let option = size_option.map_or("", |at| at.value);
        problems.add(
            entries.origin,
            format!("max_entries differs from the default of option {option:?} ({default}); leave it out"),
        );
    }
    if entries.is_none() && size_option.is_none() {
        fields.require("max_entries");
        return None;
    }
    let max_entries = match entries {
        Some(at) => {
            let fits = u32::try_from(at.value)
                .ok()
                .filter(|n| (1..=MAX_ENTRIES).contains(&u64::from(*n)));
            if fits.is_none() {
                problems.add(
                    at.origin,
                    format!("max_entries must be from 1 to {MAX_ENTRIES}"),
                );
            }
            fits?
        }
        None => default?,
    };
    let size_option = size_option.map(|at| at.value.to_owned());
    Some(MapKind::Internal {
        max_entries,
        size_option,
    })
}

/// The default of the integer option that sizes a map, whose range must be that of map sizes.
fn size_default(name: At<'_, &str>, scope: &Scope<'_>) -> Option<u32> {
    let option = scope.options.refer(name, "option", scope.problems)?;
    match option.kind {
        OptionKind::Integer { default, min, max } if min >= 1 && max <= MAX_ENTRIES => {
            u32::try_from(default).ok()
        }
        _ => {
            let rule = format!("an integer option with min >= 1 and max <= {MAX_ENTRIES}");
            scope.problems.add(
                name.origin,
                format!("size_option = {:?} must be {rule}", name.value),
            );
            None
        }
    }
}
