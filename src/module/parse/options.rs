use super::declared::Declared;
use super::{BUILTIN_OPTIONS, Scope, names};
use crate::document::{At, Fields, Problems, Table, Value};
use crate::module::model::{KeySource, Map, ModuleOption, OptionKind, SCHEMA};

const KEYS: &[&str] = &["type", "default", "min", "max", "global", "help"];

/// Reads `[options.*]`.
pub(super) fn read(fields: &Fields<'_>, problems: &Problems) -> Declared<ModuleOption> {
    let mut declared = Declared::default();
    let mut globals: Vec<String> = vec![SCHEMA.into()];
    let entries = fields
        .table("options")
        .map_or(&[][..], |table| &table.entries);
    for entry in entries {
        let name = At {
            value: entry.key.as_str(),
            origin: &entry.origin,
        };
        let Value::Table(table) = &entry.node.value else {
            let found = entry.node.value.describe();
            problems.add(
                name.origin,
                format!("[options] must hold only tables, found {found}"),
            );
            continue;
        };
        let option = option(name, table, &mut globals, problems);
        declared.add(name, option, "option", problems);
    }
    declared
}

fn option(
    name: At<'_, &str>,
    table: &Table,
    globals: &mut Vec<String>,
    problems: &Problems,
) -> Option<ModuleOption> {
    let place = format!("[options.{}]", name.value);
    let fields = Fields::new(table, &place, KEYS, problems);
    let valid_name = names::snake_case(name, "option", problems);
    let kind = kind(&fields, problems);
    let help = super::sentence(&fields, "help", problems);
    let global = fields.text("global").and_then(|at| {
        let symbol = names::symbol(at, "global", problems)?;
        if globals.contains(&symbol) {
            problems.add(at.origin, format!("global \"{symbol}\" is already taken"));
        }
        globals.push(symbol.clone());
        Some(symbol)
    });
    Some(ModuleOption {
        name: valid_name?.value.to_owned(),
        kind: kind?,
        global,
        help: help?,
    })
}

fn kind(fields: &Fields<'_>, problems: &Problems) -> Option<OptionKind> {
    fields.require("default");
    let word = fields.required_text("type")?;
    if names::choice(
        word,
        "type",
        &[("bool", true), ("integer", false)],
        problems,
    )? {
        for key in ["min", "max"] {
            if fields.has(key) {
                problems.add(
                    fields.origin(),
                    format!("{key} is only for integer options"),
                );
            }
        }
        return fields
            .boolean("default")
            .map(|at| OptionKind::Bool { default: at.value });
    }
    let whole = |key: &str, absent: u64| {
        if !fields.has(key) {
            return Some(absent);
        }
        let at = fields.integer(key)?;
        if at.value < 0 {
            problems.add(
                at.origin,
                format!("{key} must not be negative: globals are unsigned"),
            );
        }
        u64::try_from(at.value).ok()
    };
    let min = whole("min", 0)?;
    let max = whole("max", i64::MAX.unsigned_abs())?;
    let default = fields.integer("default")?;
    let inside = u64::try_from(default.value)
        .ok()
        .filter(|value| (min..=max).contains(value));
    if inside.is_none() {
        problems.add(
            default.origin,
            format!("default must be from min ({min}) to max ({max})"),
        );
    }
    Some(OptionKind::Integer {
        default: inside?,
        min,
        max,
    })
}

/// Notes options that share a name with a key every module has.
pub(super) fn check_names(scope: &Scope<'_>) {
    let discovered: Vec<String> = scope
        .maps
        .valid()
        .flat_map(Map::keys)
        .filter(|key| matches!(key.source, KeySource::Discovered { .. }))
        .flat_map(|key| &key.labels)
        .flat_map(|label| [format!("{label}_include"), format!("{label}_exclude")])
        .collect();
    for (name, origin) in scope.options.names() {
        let taken = BUILTIN_OPTIONS.contains(&name) || discovered.iter().any(|key| key == name);
        if taken {
            let why = "every module with such labels already has a configuration key of that name";
            scope
                .problems
                .add(origin, format!("option \"{name}\" must be renamed: {why}"));
        }
    }
}

/// Notes options that neither the object nor anything in the manifest looks at.
pub(super) fn check_used(root: &Table, scope: &Scope<'_>) {
    let mut used = Vec::new();
    for section in ["programs", "libraries", "maps", "metrics"] {
        let Some(Value::Array(items)) = root.get(section).map(|node| &node.value) else {
            continue;
        };
        for item in items {
            let Value::Table(table) = &item.value else {
                continue;
            };
            let references = [
                "when",
                "per_cpu",
                "short_names",
                "per_process",
                "size_option",
            ]
            .iter();
            used.extend(references.filter_map(|key| match &table.get(key)?.value {
                Value::String(name) => Some(name.as_str()),
                _ => None,
            }));
        }
    }
    for (name, origin) in scope.options.names() {
        let valid = scope.options.valid().find(|option| option.name == name);
        if valid.is_some_and(|option| option.global.is_none()) && !used.contains(&name) {
            let remedy = "give it a global, or use it in when, per_cpu or size_option";
            scope.problems.add(
                origin,
                format!("option \"{name}\" changes nothing: {remedy}"),
            );
        }
    }
}
