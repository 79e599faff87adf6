use super::{Scope, metric_rules, names, places};
use crate::document::{At, Fields, Origin, Table};
use crate::module::clash::{ONE_FAMILY, family};
use crate::module::model::{Label, Map, MapKind, Metric};
use crate::snapshot::{Kind, OtlpName, Stability, Unit};

const KEYS: &[&str] = &[
    "name",
    "kind",
    "unit",
    "help",
    "map",
    "field",
    "programs",
    "when",
    "tick_exponent",
    "classic",
    "stability",
    "otlp",
    "per_cpu",
    "labels",
];
const KINDS: [(&str, Kind); 3] = [
    ("counter", Kind::Counter),
    ("gauge", Kind::Gauge),
    ("histogram", Kind::Histogram),
];
const UNITS: [(&str, Unit); 4] = [
    ("none", Unit::None),
    ("seconds", Unit::Seconds),
    ("bytes", Unit::Bytes),
    ("ratio", Unit::Ratio),
];
const STABILITIES: [(&str, Stability); 2] = [
    ("stable", Stability::Stable),
    ("experimental", Stability::Experimental),
];

/// More array elements than this in one value is a mistake in the labels.
const MAX_ARRAY: u64 = 4096;

/// Reads `[[metrics]]`.
pub(super) fn read(fields: &Fields<'_>, scope: &Scope<'_>) -> Vec<Metric> {
    let mut names: Vec<(&str, &Origin)> = Vec::new();
    let mut metrics: Vec<Metric> = Vec::new();
    for table in fields.tables("metrics") {
        let fields = Fields::new(table, "[[metrics]]", KEYS, scope.problems);
        if let Some(At { value, origin }) = fields.text("name") {
            let same = |(known, _): &&(&str, _)| family(known) == family(value);
            if let Some((known, _)) = names.iter().find(same) {
                let mistake = if *known == value {
                    format!("metric {value:?} is declared twice")
                } else {
                    format!("{known:?} and {value:?} {ONE_FAMILY}; rename one")
                };
                scope.problems.add(origin, mistake);
            }
            names.push((value, origin));
        }
        let Some(metric) = metric(&fields, scope) else {
            continue;
        };
        if metrics
            .iter()
            .any(|known| known.otlp.name == metric.otlp.name)
        {
            let name = &metric.otlp.name;
            scope.problems.add(
                fields.origin(),
                format!("OTLP name {name:?} is declared twice"),
            );
        }
        metrics.push(metric);
    }
    metrics
}

fn metric(fields: &Fields<'_>, scope: &Scope<'_>) -> Option<Metric> {
    let problems = scope.problems;
    let kind = fields
        .required_text("kind")
        .and_then(|at| names::choice(at, "kind", &KINDS, problems));
    let unit = fields
        .required_text("unit")
        .and_then(|at| names::choice(at, "unit", &UNITS, problems));
    let stability = fields
        .required_text("stability")
        .and_then(|at| names::choice(at, "stability", &STABILITIES, problems));
    let name = fields.required_text("name");
    let help = metric_rules::help(fields, problems);
    let field = fields
        .required_text("field")
        .and_then(|at| names::members(at, problems));
    let map = fields
        .required_text("map")
        .and_then(|at| exported_map(at, scope));
    let programs = programs(fields, scope);
    let when = scope.bool_option(fields, "when");
    let per_cpu = scope.bool_option(fields, "per_cpu");
    let labels = labels(fields, map, scope);
    let otlp = otlp(fields, scope);
    let (kind, unit) = (kind?, unit?);
    let name = name.filter(|at| metric_rules::name(*at, kind, unit, scope.builtin, problems));
    if let (Some(name), Some(otlp)) = (name, &otlp) {
        metric_rules::otlp(fields, name.value, kind, unit, otlp, problems);
    }
    let (tick_exponent, classic) = metric_rules::buckets(fields, kind, unit, problems)?;
    let metric = Metric {
        name: name?.value.to_owned(),
        origin: name?.origin.clone(),
        kind,
        unit,
        help: help?,
        map: map?.name.clone(),
        field: field?,
        programs,
        when,
        tick_exponent,
        classic,
        stability: stability?,
        otlp: otlp?,
        per_cpu,
        labels: labels?,
    };
    check_when(fields, &metric, map?, scope);
    check_held(fields, &metric, map?, scope);
    check_tally(fields, &metric, map?, scope);
    places::check(fields, &metric, map?, scope.problems);
    Some(metric)
}

fn exported_map<'s>(name: At<'_, &str>, scope: &'s Scope<'_>) -> Option<&'s Map> {
    let map = scope.maps.refer(name, "map", scope.problems)?;
    if !matches!(
        map.kind,
        MapKind::Record
            | MapKind::Keyed(_)
            | MapKind::Held { .. }
            | MapKind::Places { .. }
            | MapKind::Tally { .. }
    ) {
        scope.problems.add(
            name.origin,
            format!("map {:?} is internal: it exports nothing", name.value),
        );
    }
    Some(map)
}

fn programs(fields: &Fields<'_>, scope: &Scope<'_>) -> Vec<String> {
    fields.require("programs");
    let named = fields.texts("programs");
    if fields
        .array("programs")
        .is_some_and(|at| at.value.is_empty())
    {
        scope
            .problems
            .add(fields.origin(), "programs must name what fills the field");
    }
    for name in &named {
        scope.programs.refer(*name, "program", scope.problems);
    }
    named.iter().map(|at| at.value.to_owned()).collect()
}

fn labels(fields: &Fields<'_>, map: Option<&Map>, scope: &Scope<'_>) -> Option<Vec<Label>> {
    let problems = scope.problems;
    let tables = fields.tables("labels");
    let labels: Vec<Label> = tables
        .iter()
        .filter_map(|table| label(table, scope))
        .collect();
    for (at, label) in labels.iter().enumerate() {
        let mut others = labels.iter().take(at).map(|other| other.name.as_str());
        let mut keys = map.into_iter().flat_map(Map::labels);
        if others.any(|name| name == label.name) || keys.any(|name| *name == label.name) {
            problems.add(
                fields.origin(),
                format!("two labels are named {:?}", label.name),
            );
        }
    }
    let length = labels
        .iter()
        .fold(1, |n: u64, l| n.saturating_mul(l.values.len() as u64));
    if length > MAX_ARRAY {
        problems.add(
            fields.origin(),
            format!("the labels make {length} array elements, more than {MAX_ARRAY}"),
        );
    }
    (labels.len() == tables.len()).then_some(labels)
}

fn label(table: &Table, scope: &Scope<'_>) -> Option<Label> {
    let fields = Fields::new(table, "labels", &["name", "values"], scope.problems);
    let name = fields
        .required_text("name")
        .and_then(|at| names::label(at, scope.problems));
    fields.require("values");
    let texts = fields.texts("values");
    if fields.array("values").is_some_and(|at| at.value.is_empty()) {
        scope
            .problems
            .add(fields.origin(), "values must not be empty");
    }
    let values = names::distinct(&texts, "label value", scope.problems);
    (!values.is_empty()).then_some(Label {
        name: name?,
        values,
    })
}

fn otlp(fields: &Fields<'_>, scope: &Scope<'_>) -> Option<OtlpName> {
    fields.require("otlp");
    let table = fields.table("otlp")?;
    let inner = Fields::new(table, "otlp", &["name", "unit"], scope.problems);
    let name = inner.required_text("name");
    let unit = inner.required_text("unit");
    Some(OtlpName {
        name: name?.value.to_owned(),
        unit: unit?.value.to_owned(),
    })
}

/// What is held is added up: that is a gauge, and has no CPU.
fn check_held(fields: &Fields<'_>, metric: &Metric, map: &Map, scope: &Scope<'_>) {
    let is_held = matches!(map.kind, MapKind::Held { .. });
    if is_held && (metric.kind != Kind::Gauge || metric.per_cpu.is_some()) {
        scope.problems.add(
            fields.origin(),
            format!(
                "map {:?} is what processes hold: its metrics are gauges without per_cpu",
                map.name
            ),
        );
    }
}

/// A tally is one for all CPUs.
fn check_tally(fields: &Fields<'_>, metric: &Metric, map: &Map, scope: &Scope<'_>) {
    if matches!(map.kind, MapKind::Tally { .. }) && metric.per_cpu.is_some() {
        let rule = "is a tally: its metrics are without per_cpu";
        let text = format!("map {:?} {rule}", map.name);
        scope.problems.add(fields.origin(), text);
    }
}

/// A map that an option switches off would leave its metrics at zero, which is a lie: they
/// must depend on the same option.
fn check_when(fields: &Fields<'_>, metric: &Metric, map: &Map, scope: &Scope<'_>) {
    let Some(option) = &map.when else { return };
    let gone_with_it = metric.when.as_ref() == Some(option)
        || scope
            .programs
            .valid()
            .filter(|program| metric.programs.contains(&program.name))
            .any(|program| program.when.as_ref() == Some(option));
    if !gone_with_it {
        let remedy = format!("add when = \"{option}\"");
        scope.problems.add(
            fields.origin(),
            format!(
                "map {} is only used while option \"{option}\" is true: {remedy}",
                map.name
            ),
        );
    }
}
