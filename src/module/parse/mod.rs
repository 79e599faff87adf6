//! Strict reading of manifests: every mistake, each with file, line and column.

mod declared;
mod drivers;
mod keys;
mod libraries;
mod maps;
mod metric_rules;
mod metrics;
mod names;
mod options;
mod places;
mod programs;
mod seen;

use super::ManifestError;
use super::model::{Manifest, Map, ModuleOption, OptionKind, Program};
use crate::document::{self, At, Fields, Problems, Table};
use declared::Declared;

/// `max_series` of manifests that do not say.
pub const DEFAULT_MAX_SERIES: u32 = 2000;

const KEYS: &[&str] = &[
    "name",
    "summary",
    "memory",
    "requires",
    "drivers",
    "on_by_default",
    "max_series",
    "options",
    "programs",
    "libraries",
    "maps",
    "metrics",
];

/// Keys of a module's configuration table that are not options of its own.
pub(crate) const BUILTIN_OPTIONS: [&str; 3] = ["enabled", "schema", "max_series"];

impl Manifest {
    /// Reads a user's manifest; `file` is the name that errors carry.
    pub fn parse(file: &str, text: &str) -> Result<Self, Vec<ManifestError>> {
        parse(file, text, false)
    }

    /// Reads a built-in manifest: as [`Manifest::parse`], and every metric must be named
    /// `geophone_…`.
    pub fn parse_builtin(file: &str, text: &str) -> Result<Self, Vec<ManifestError>> {
        parse(file, text, true)
    }
}

/// What the sections read later may refer to, and where to note problems.
struct Scope<'a> {
    problems: &'a Problems,
    builtin: bool,
    options: Declared<ModuleOption>,
    programs: Declared<Program>,
    maps: Declared<Map>,
}

impl Scope<'_> {
    /// The name in `key`, which must be that of a bool option.
    fn bool_option(&self, fields: &Fields<'_>, key: &str) -> Option<String> {
        let name = fields.text(key)?;
        let option = self.options.refer(name, "option", self.problems)?;
        if matches!(option.kind, OptionKind::Bool { .. }) {
            return Some(option.name.clone());
        }
        self.problems.add(
            name.origin,
            format!("{key} = {:?} is not a bool option", name.value),
        );
        None
    }
}

fn parse(file: &str, text: &str, builtin: bool) -> Result<Manifest, Vec<ManifestError>> {
    let table = document::parse(file, text)?;
    let problems = Problems::default();
    let manifest = read(&table, builtin, &problems);
    match manifest {
        Some(manifest) if problems.is_empty() => Ok(manifest),
        _ => Err(problems.into_sorted()),
    }
}

fn read(table: &Table, builtin: bool, problems: &Problems) -> Option<Manifest> {
    let fields = Fields::new(table, "the manifest", KEYS, problems);
    let named = fields.required_text("name");
    let name = named.and_then(|at| names::module(at, problems));
    let summary = sentence(&fields, "summary", problems);
    let memory = sentence(&fields, "memory", problems);
    let requires = capabilities(&fields, problems);
    let drivers = drivers::read(&fields, problems);
    let on_by_default =
        !fields.has("on_by_default") || fields.boolean("on_by_default").is_some_and(|at| at.value);
    let max_series = max_series(&fields, problems);
    let mut scope = Scope {
        problems,
        builtin,
        options: Declared::default(),
        programs: Declared::default(),
        maps: Declared::default(),
    };
    scope.options = options::read(&fields, problems);
    scope.programs = programs::read(&fields, &scope);
    let libraries = libraries::read(&fields, &scope);
    libraries::check_targets(&scope, &libraries, &fields);
    scope.maps = maps::read(&fields, &scope);
    options::check_names(&scope);
    options::check_used(table, &scope);
    let metrics = metrics::read(&fields, &scope);
    libraries::check_labels(&scope, &libraries, &metrics, &fields);
    if !fields.has("metrics") {
        fields.require("metrics");
    }
    Some(Manifest {
        name: name?,
        origin: named?.origin.clone(),
        summary: summary?,
        memory: memory?,
        requires,
        drivers,
        on_by_default,
        max_series: max_series?,
        options: scope.options.into_valid(),
        programs: scope.programs.into_valid(),
        libraries: libraries.into_valid(),
        maps: scope.maps.into_valid(),
        metrics,
    })
}

/// A required text that must be one line and not empty.
fn sentence(fields: &Fields<'_>, key: &str, problems: &Problems) -> Option<String> {
    let At { value, origin } = fields.required_text(key)?;
    if value.trim().is_empty() || value.contains('\n') {
        problems.add(origin, format!("{key} must be one line of text"));
        return None;
    }
    Some(value.trim().to_owned())
}

fn capabilities(fields: &Fields<'_>, problems: &Problems) -> Vec<String> {
    let known: Vec<String> = caps::all().iter().map(ToString::to_string).collect();
    let check = |at: At<'_, &str>| {
        if !known.iter().any(|name| name == at.value) {
            let hint = document::did_you_mean(at.value, known.iter().map(String::as_str));
            problems.add(
                at.origin,
                format!("unknown capability {:?}{hint}", at.value),
            );
        }
        at.value.to_owned()
    };
    fields.texts("requires").into_iter().map(check).collect()
}

fn max_series(fields: &Fields<'_>, problems: &Problems) -> Option<u32> {
    if !fields.has("max_series") {
        return Some(DEFAULT_MAX_SERIES);
    }
    let at = fields.integer("max_series")?;
    let value = u32::try_from(at.value)
        .ok()
        .filter(|value| (1..=1_000_000).contains(value));
    if value.is_none() {
        problems.add(at.origin, "max_series must be from 1 to 1000000");
    }
    value
}
