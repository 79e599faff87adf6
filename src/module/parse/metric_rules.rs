//! Prometheus' and OpenTelemetry's rules for one metric: what `promtool check metrics` would
//! say, before anybody scrapes it.

use geophone_histogram::{OCTAVES, TICKS_PER_SECOND_LOG2};

use super::names;
use crate::document::{At, Fields, Node, Problems, Value};
use crate::snapshot::{Kind, OtlpName, Unit};

/// Suffixes that exposition formats add themselves.
const RESERVED_SUFFIXES: [&str; 5] = ["_count", "_sum", "_bucket", "_created", "_info"];
/// Words that say nothing the type does not say.
const TYPE_WORDS: [&str; 5] = ["counter", "gauge", "histogram", "summary", "untyped"];
/// Units that are not base units, and abbreviations of units.
const OTHER_UNITS: [&str; 32] = [
    "s",
    "ms",
    "us",
    "ns",
    "sec",
    "b",
    "kb",
    "mb",
    "gb",
    "tb",
    "pb",
    "m",
    "h",
    "d",
    "nanoseconds",
    "microseconds",
    "milliseconds",
    "minutes",
    "hours",
    "days",
    "weeks",
    "bits",
    "kilobytes",
    "megabytes",
    "gigabytes",
    "kibibytes",
    "mebibytes",
    "gibibytes",
    "percent",
    "percents",
    "millis",
    "nanos",
];
/// Names of Geophone's own metrics and of others' begin like this.
const RESERVED_PREFIXES: [&str; 18] = [
    "process_",
    "scrape_",
    "geophone_build",
    "geophone_config_",
    "geophone_discovery_",
    "geophone_http_",
    "geophone_library_",
    "geophone_log_",
    "geophone_map_",
    "geophone_module_",
    "geophone_otlp_",
    "geophone_partial_",
    "geophone_program_",
    "geophone_run_statistics_",
    "geophone_scrape_",
    "geophone_scrapes_",
    "geophone_series_",
    "geophone_sweep",
];

/// Whether a metric's name follows the rules; notes each one broken.
pub(super) fn name(
    name: At<'_, &str>,
    kind: Kind,
    unit: Unit,
    builtin: bool,
    problems: &Problems,
) -> bool {
    if names::snake_case(name, "metric name", problems).is_none() {
        return false;
    }
    let mut broken = false;
    let mut note = |rule: String| {
        broken = true;
        problems.add(name.origin, format!("metric name {:?} {rule}", name.value));
    };
    let text = name.value;
    if builtin && !text.starts_with("geophone_") {
        note("must begin with \"geophone_\", as those of all built-in modules".into());
    }
    if let Some(prefix) = RESERVED_PREFIXES
        .iter()
        .find(|prefix| text.starts_with(**prefix))
    {
        note(format!(
            "must not begin with \"{prefix}\": such names are taken"
        ));
    }
    if let Some(suffix) = RESERVED_SUFFIXES
        .iter()
        .find(|suffix| text.ends_with(**suffix))
    {
        note(format!(
            "must not end with \"{suffix}\": exposition formats add that themselves"
        ));
    }
    let base = text.strip_suffix("_total").unwrap_or(text);
    match (kind == Kind::Counter, base != text) {
        (true, false) => note("must end with \"_total\", because it is a counter".into()),
        (false, true) => note("must not end with \"_total\", because it is no counter".into()),
        _ => {}
    }
    for word in base.split('_') {
        if TYPE_WORDS.contains(&word) {
            note(format!("must not contain its type, \"{word}\""));
        }
        if OTHER_UNITS.contains(&word) {
            note(format!(
                "must use base units written out (seconds, bytes), not \"{word}\""
            ));
        }
    }
    if unit == Unit::None {
        let units = [Unit::Seconds, Unit::Bytes, Unit::Ratio];
        if let Some(unit) = units
            .into_iter()
            .find(|unit| ends_with_word(base, unit.as_str()))
        {
            note(format!(
                "ends with a unit, so unit must be \"{}\"",
                unit.as_str()
            ));
        }
    } else if !ends_with_word(base, unit.as_str()) {
        let total = if kind == Kind::Counter { "_total" } else { "" };
        note(format!(
            "must end with its unit, \"_{}{total}\"",
            unit.as_str()
        ));
    }
    if unit == Unit::Ratio && kind != Kind::Gauge {
        note("cannot be a ratio: only gauges can".into());
    }
    !broken
}

fn ends_with_word(name: &str, word: &str) -> bool {
    name.strip_suffix(word)
        .is_some_and(|rest| rest.ends_with('_'))
}

/// Help text: one line that ends with a period.
pub(super) fn help(fields: &Fields<'_>, problems: &Problems) -> Option<String> {
    let at = fields.required_text("help")?;
    let one_line = !at.value.contains(['\n', '\r']) && at.value.trim() == at.value;
    if !one_line || !at.value.ends_with('.') || at.value.len() < 2 {
        problems.add(
            at.origin,
            "help must be one line of text that ends with a period",
        );
        return None;
    }
    Some(at.value.to_owned())
}

/// Notes an OTLP name or unit that would not become the Prometheus name again: both ways a
/// user receives a metric must call it the same.
pub(super) fn otlp(
    fields: &Fields<'_>,
    prometheus: &str,
    kind: Kind,
    unit: Unit,
    otlp: &OtlpName,
    problems: &Problems,
) {
    let place = fields
        .table("otlp")
        .map_or(fields.origin(), |table| &table.origin);
    let annotated = otlp.unit.len() > 2 && otlp.unit.starts_with('{') && otlp.unit.ends_with('}');
    let (fits, rule) = match unit {
        Unit::Seconds => (otlp.unit == "s", "\"s\""),
        Unit::Bytes => (otlp.unit == "By", "\"By\""),
        Unit::Ratio => (otlp.unit == "1", "\"1\""),
        // A gauge of unit 1 would be translated to a ratio.
        Unit::None if matches!(kind, Kind::Gauge | Kind::Info) => {
            (annotated, "what is counted, such as \"{socket}\"")
        }
        Unit::None => (
            annotated || otlp.unit == "1",
            "what is counted, such as \"{segment}\", or \"1\"",
        ),
    };
    if !fits {
        let found = &otlp.unit;
        problems.add(place, format!("otlp.unit must be {rule}, found {found:?}"));
    }
    let expected = otlp.in_prometheus(kind, unit);
    if expected != prometheus {
        let found = &otlp.name;
        problems.add(
            place,
            format!("otlp.name {found:?} means {expected:?} to Prometheus, not {prometheus:?}"),
        );
    }
}

/// A histogram's tick and classic edges, both as powers of two of the base unit; zeros for
/// other kinds.
pub(super) fn buckets(
    fields: &Fields<'_>,
    kind: Kind,
    unit: Unit,
    problems: &Problems,
) -> Option<(i32, (i32, i32))> {
    if kind != Kind::Histogram {
        for key in ["tick_exponent", "classic"] {
            if fields.has(key) {
                problems.add(fields.origin(), format!("{key} is only for histograms"));
            }
        }
        return Some((0, (0, 0)));
    }
    let (default_tick, default_classic) = match unit {
        Unit::Seconds => (-TICKS_PER_SECOND_LOG2.cast_signed(), (-20, 4)),
        Unit::Bytes => (0, (9, 24)),
        Unit::None | Unit::Ratio => (0, (0, 16)),
    };
    let tick = if fields.has("tick_exponent") {
        let at = fields.integer("tick_exponent")?;
        let fits = i32::try_from(at.value)
            .ok()
            .filter(|value| (-40..=0).contains(value));
        if fits.is_none() {
            problems.add(at.origin, "tick_exponent must be from -40 to 0");
        }
        fits?
    } else {
        default_tick
    };
    let classic = if fields.has("classic") {
        classic(fields, problems)?
    } else {
        default_classic
    };
    let finest = tick;
    let coarsest = tick + OCTAVES.cast_signed();
    if classic.0 < finest || classic.1 > coarsest {
        let origin = fields
            .array("classic")
            .map_or(fields.origin(), |at| at.origin);
        problems.add(
            origin,
            format!(
                "classic must lie between the finest and the coarsest edge, {finest} and {coarsest}"
            ),
        );
    }
    Some((tick, classic))
}

fn classic(fields: &Fields<'_>, problems: &Problems) -> Option<(i32, i32)> {
    let at = fields.array("classic")?;
    let exponent = |node: &Node| match node.value {
        Value::Integer(value) => i32::try_from(value).ok(),
        _ => None,
    };
    let pair = match at.value {
        [first, last] => exponent(first).zip(exponent(last)).filter(|(a, b)| a < b),
        _ => None,
    };
    if pair.is_none() {
        problems.add(
            at.origin,
            "classic must be two powers of two, the smaller first, such as [-20, 4]",
        );
    }
    pair
}
