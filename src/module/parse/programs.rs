use super::declared::Declared;
use super::{Scope, names};
use crate::document::{At, Fields, Problems, Table};
use crate::module::model::{Alternative, Attach, Program};

const KEYS: &[&str] = &["name", "when", "optional", "alternatives"];
const ALTERNATIVE_KEYS: &[&str] = &["function", "attach", "target"];

/// Reads `[[programs]]`.
pub(super) fn read(fields: &Fields<'_>, scope: &Scope<'_>) -> Declared<Program> {
    let mut declared = Declared::default();
    fields.require("programs");
    for table in fields.tables("programs") {
        let fields = Fields::new(table, "[[programs]]", KEYS, scope.problems);
        let name = fields.required_text("name");
        let program = program(&fields, name, scope);
        if let Some(name) = name {
            declared.add(name, program, "program", scope.problems);
        }
    }
    declared
}

fn program(fields: &Fields<'_>, name: Option<At<'_, &str>>, scope: &Scope<'_>) -> Option<Program> {
    let name = name.and_then(|at| names::snake_case(at, "program", scope.problems));
    let when = scope.bool_option(fields, "when");
    let optional = fields.boolean("optional").is_some_and(|at| at.value);
    fields.require("alternatives");
    let tables = fields.tables("alternatives");
    let alternatives: Vec<_> = tables
        .iter()
        .filter_map(|table| alternative(table, scope.problems))
        .collect();
    if fields
        .array("alternatives")
        .is_some_and(|at| at.value.is_empty())
    {
        scope.problems.add(
            fields.origin(),
            "alternatives must name at least one function",
        );
    }
    for (at, later) in alternatives.iter().enumerate() {
        if alternatives.iter().take(at).any(|earlier| earlier == later) {
            scope.problems.add(
                fields.origin(),
                format!("alternative {:?} is listed twice", later.function),
            );
        }
    }
    (alternatives.len() == tables.len() && !alternatives.is_empty()).then_some(Program {
        name: name?.value.to_owned(),
        when,
        optional,
        alternatives,
    })
}

fn alternative(table: &Table, problems: &Problems) -> Option<Alternative> {
    let fields = Fields::new(table, "alternatives", ALTERNATIVE_KEYS, problems);
    let function = fields
        .required_text("function")
        .and_then(|at| names::symbol(at, "function", problems));
    let attach = fields
        .required_text("attach")
        .and_then(|at| names::choice(at, "attach", &Attach::ALL, problems));
    let target = fields.required_text("target");
    let attach = attach?;
    let target = target?;
    let (fits, rule) = match attach {
        Attach::Tracepoint => (separated(target.value, '/'), "\"category/name\""),
        _ => (
            names::is_symbol(target.value),
            "the name of a tracepoint, kernel function or library",
        ),
    };
    if !fits {
        let attach = attach.as_str();
        let found = target.value;
        problems.add(
            target.origin,
            format!("target of {attach} must be {rule}, found {found:?}"),
        );
        return None;
    }
    Some(Alternative {
        function: function?,
        attach,
        target: target.value.to_owned(),
    })
}

/// Whether `text` has something on either side of the separator's last occurrence.
fn separated(text: &str, separator: char) -> bool {
    text.rsplit_once(separator)
        .is_some_and(|(left, right)| !left.is_empty() && !right.is_empty())
}
