use super::declared::Declared;
use super::{Scope, names};
use crate::discover::library::Pattern;
use crate::document::{At, Fields, Table};
use crate::module::describe::PID;
use crate::module::model::{Attach, Functions, Library, Map, Metric};

const KEYS: &[&str] = &[
    "name",
    "files",
    "places",
    "functions",
    "short_names",
    "per_process",
];
const FUNCTIONS_KEYS: &[&str] = &["symbols", "programs", "cookie"];

/// Bytes in an attach cookie.
const COOKIE: usize = 8;

/// Reads `[[libraries]]`.
pub(super) fn read(fields: &Fields<'_>, scope: &Scope<'_>) -> Declared<Library> {
    let mut declared = Declared::default();
    for table in fields.tables("libraries") {
        let fields = Fields::new(table, "[[libraries]]", KEYS, scope.problems);
        let name = fields.required_text("name");
        let library = library(&fields, name, scope);
        if let Some(name) = name {
            declared.add(name, library, "library", scope.problems);
        }
    }
    declared
}

/// Notes programs at functions of a library that the manifest does not have.
pub(super) fn check_targets(scope: &Scope<'_>, libraries: &Declared<Library>, at: &Fields<'_>) {
    for program in scope.programs.valid() {
        for alternative in &program.alternatives {
            if alternative.attach.is_at_library() {
                let target = At {
                    value: alternative.target.as_str(),
                    origin: at.origin(),
                };
                libraries.refer(target, "library", scope.problems);
            }
        }
    }
}

/// Notes labels that are called as that of process ids, which an option adds.
pub(super) fn check_labels(
    scope: &Scope<'_>,
    libraries: &Declared<Library>,
    metrics: &[Metric],
    at: &Fields<'_>,
) {
    if libraries
        .valid()
        .all(|library| library.per_process.is_none())
    {
        return;
    }
    let keys = scope.maps.valid().flat_map(Map::keys);
    let keys = keys.flat_map(|key| &key.labels);
    let dimensions = metrics.iter().flat_map(|metric| &metric.labels);
    let mut labels = keys.chain(dimensions.map(|label| &label.name));
    if labels.any(|label| label == PID) {
        let why = "per_process gives processes a label of that name";
        let problem = format!("label {PID:?} must be renamed: {why}");
        scope.problems.add(at.origin(), problem);
    }
}

fn library(fields: &Fields<'_>, name: Option<At<'_, &str>>, scope: &Scope<'_>) -> Option<Library> {
    let name = name.and_then(|at| names::snake_case(at, "library", scope.problems))?;
    for key in ["files", "functions"] {
        fields.require(key);
    }
    let files = names::distinct(&fields.texts("files"), "a file name", scope.problems);
    for file in fields.texts("files") {
        if let Err(error) = file.value.parse::<Pattern>() {
            scope.problems.add(file.origin, error.to_string());
        }
    }
    let places = names::distinct(&fields.texts("places"), "a place", scope.problems);
    if let Some(place) = places.iter().find(|place| !place.starts_with('/')) {
        scope.problems.add(
            fields.origin(),
            format!("places are absolute directories, found {place:?}"),
        );
    }
    let tables = fields.tables("functions");
    let functions: Vec<Functions> = tables
        .iter()
        .filter_map(|table| functions(table, name.value, scope))
        .collect();
    let mut seen: Vec<(&str, &str)> = Vec::new();
    for group in &functions {
        for symbol in &group.symbols {
            for program in &group.programs {
                if seen.contains(&(symbol, program)) {
                    scope.problems.add(
                        fields.origin(),
                        format!("program {program:?} is at {symbol} twice"),
                    );
                }
                seen.push((symbol, program));
            }
        }
    }
    (functions.len() == tables.len() && !files.is_empty()).then(|| Library {
        name: name.value.to_owned(),
        files,
        places,
        functions,
        short_names: scope.bool_option(fields, "short_names"),
        per_process: scope.bool_option(fields, "per_process"),
    })
}

fn functions(table: &Table, library: &str, scope: &Scope<'_>) -> Option<Functions> {
    let fields = Fields::new(table, "functions", FUNCTIONS_KEYS, scope.problems);
    for key in FUNCTIONS_KEYS {
        fields.require(key);
    }
    let symbols = names::distinct(&fields.texts("symbols"), "a symbol", scope.problems);
    let mut programs = Vec::new();
    for at in fields.texts("programs") {
        let program = scope.programs.refer(at, "program", scope.problems)?;
        let fits = |it: &crate::module::model::Alternative| {
            it.attach.is_at_library() && it.target == library
        };
        if !program.alternatives.iter().all(fits) {
            let (entry, exit) = (Attach::Uprobe, Attach::Uretprobe);
            scope.problems.add(
                at.origin,
                format!(
                    "program {:?} is not one of {entry} or {exit} whose target is {library:?}",
                    at.value
                ),
            );
            return None;
        }
        programs.push(program.name.clone());
    }
    let cookie = cookie(&fields, scope)?;
    (!symbols.is_empty() && !programs.is_empty()).then_some(Functions {
        symbols,
        programs,
        cookie,
    })
}

/// The cookie's bytes, lowest first.
fn cookie(fields: &Fields<'_>, scope: &Scope<'_>) -> Option<u64> {
    let numbers = fields.integers("cookie");
    let bytes: Vec<u8> = numbers
        .iter()
        .filter_map(|at| u8::try_from(at.value).ok())
        .collect();
    if bytes.len() != numbers.len() || bytes.len() > COOKIE {
        scope.problems.add(
            fields.origin(),
            format!("cookie must be at most {COOKIE} numbers from 0 to 255"),
        );
        return None;
    }
    let mut cookie = [0; COOKIE];
    for (place, byte) in cookie.iter_mut().zip(bytes) {
        *place = byte;
    }
    Some(u64::from_le_bytes(cookie))
}
