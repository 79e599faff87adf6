//! Maps of places in which programs remember something between two events.

use super::{Scope, keys, maps};
use crate::document::{Fields, Problems};
use crate::module::model::{KeySource, Map, MapKind, Metric};
use crate::snapshot::{Kind, Unit};

/// The member of a place that is zero where it is free, and the field of its metrics.
const OCCUPIED: &str = "key";

/// Reads a map with `places`.
pub(super) fn read(fields: &Fields<'_>, scope: &Scope<'_>) -> Option<MapKind> {
    fields.require("keys");
    let keys = keys::read(fields, scope.problems)?;
    let is_discovered = |source: &KeySource| matches!(source, KeySource::Discovered { .. });
    if !matches!(&keys[..], [only] if is_discovered(&only.source)) {
        scope.problems.add(
            fields.origin(),
            "places have one key: what the remembered is of, with discover",
        );
        return None;
    }
    match maps::internal_kind(fields, scope)? {
        MapKind::Internal {
            max_entries,
            size_option,
        } => Some(MapKind::Places {
            keys,
            max_entries,
            size_option,
        }),
        _ => None,
    }
}

/// Places are counted, and a count of what there is now is a gauge.
pub(super) fn check(fields: &Fields<'_>, metric: &Metric, map: &Map, problems: &Problems) {
    if !matches!(map.kind, MapKind::Places { .. }) {
        return;
    }
    let counts = (metric.kind, metric.unit) == (Kind::Gauge, Unit::None);
    let is_plain = metric.per_cpu.is_none() && metric.labels.is_empty();
    if !counts || !is_plain || metric.field != OCCUPIED {
        problems.add(
            fields.origin(),
            format!(
                "map {:?} is of places, which are counted: its metrics are gauges with unit = \"none\" and field = {OCCUPIED:?}, without per_cpu and labels",
                map.name
            ),
        );
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::module::Manifest;
    use crate::module::samples::DISK;

    const KEYS: &str = r#"keys = [{ field = "device", label = "device", discover = "block_device", max = 64, exclude = "^(ram|loop)\\d+$" }]"#;
    const METRIC: &str = r#"
[[metrics]]
name = "geophone_disk_in_flight"
kind = "gauge"
unit = "none"
help = "Requests that are issued and not completed."
map = "ISSUED"
field = "key"
programs = ["complete", "issue"]
when = "split"
stability = "experimental"
otlp = { name = "geophone.disk.in_flight", unit = "{request}" }
"#;

    /// The sample with a metric of places, changed.
    fn parse(from: &str, to: &str) -> Result<Manifest, Vec<String>> {
        let places = format!("places = true\n{KEYS}");
        let text = DISK.replacen("internal = true", &places, 1) + METRIC;
        // The metric's own, not that of another before it.
        let (before, after) = text.rsplit_once(from).unwrap();
        Manifest::parse_builtin("disk.toml", &format!("{before}{to}{after}"))
            .map_err(|errors| errors.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn places_are_sized_by_their_option_and_counted_by_their_key() {
        let manifest = parse("", "").unwrap();
        let (map, metric) = (&manifest.maps[1], manifest.metrics.last().unwrap());
        assert_eq!((map.entries(), map.keys().len()), (8192, 1));
        assert_eq!(manifest.labels(metric, false), ["device"]);
        assert_eq!(manifest.worst_case_series(metric), 65);
    }

    #[test]
    fn places_have_one_key_that_is_discovered() {
        let found = |to| parse(KEYS, to).unwrap_err();
        let rule = "disk.toml:43:1: places have one key: what the remembered is of, with discover";
        let values = "keys = [{ field = \"a\", label = \"b\", values = [\"c\"] }]";
        assert_eq!(found(values)[0], rule);
        let both = "keys = [{ field = \"a\", label = \"b\", values = [\"c\"] }, { field = \"d\", label = \"e\", values = [\"f\"] }]";
        assert_eq!(found(both)[0], rule);
        let none = found("");
        assert!(none[0].contains("keys"), "{none:#?}");
    }

    #[test]
    fn metrics_of_places_are_counts() {
        let rule = "map \"ISSUED\" is of places, which are counted: its metrics are gauges with unit = \"none\" and field = \"key\", without per_cpu and labels";
        for (from, to) in [
            ("field = \"key\"", "field = \"device\""),
            (
                "when = \"split\"",
                "when = \"split\"\nper_cpu = \"per_cpu\"",
            ),
            (
                "when = \"split\"",
                "when = \"split\"\nlabels = [{ name = \"a\", values = [\"b\"] }]",
            ),
        ] {
            let found = parse(from, to).unwrap_err();
            assert!(
                found.iter().any(|error| error.ends_with(rule)),
                "{found:#?}"
            );
        }
    }
}
