//! Maps of names that programs have seen.

use super::declared::Declared;
use super::{Scope, maps, names as rules};
use crate::document::{Fields, Problems};
use crate::module::model::{Discovery, Key, KeySource, Map, MapKind};

/// Reads a map with `names`.
pub(super) fn names(fields: &Fields<'_>, scope: &Scope<'_>) -> Option<MapKind> {
    if fields.has("keys") {
        scope.problems.add(
            fields.origin(),
            "a map of names has no keys: its keys are the names",
        );
    }
    let labels = rules::labels(fields, "names", scope.problems);
    let candidates = fields
        .required_text("candidates")
        .and_then(|at| rules::symbol(at, "map", scope.problems));
    match maps::internal_kind(fields, scope)? {
        MapKind::Internal { max_entries, .. } => Some(MapKind::Names {
            labels: labels?,
            candidates: candidates?,
            max_entries,
        }),
        _ => None,
    }
}

/// Notes names without keys, keys without names, and candidates that are no map.
pub(super) fn check(maps: &Declared<Map>, fields: &Fields<'_>, problems: &Problems) {
    let keys: Vec<&Key> = maps.valid().flat_map(Map::keys).collect();
    let max_of = |key: &Key| match key.source {
        KeySource::Discovered {
            discovery: Discovery::Seen,
            max,
            ..
        } => Some(max),
        _ => None,
    };
    let note = |text: String| problems.add(fields.origin(), text);
    let mut named: Vec<&[String]> = Vec::new();
    for map in maps.valid() {
        let MapKind::Names {
            labels,
            candidates,
            max_entries,
        } = &map.kind
        else {
            continue;
        };
        let name = &map.name;
        let mut others = maps.valid();
        let is_internal = |other: &Map| matches!(other.kind, MapKind::Internal { .. });
        if !others.any(|other| other.name == *candidates && is_internal(other)) {
            note(format!(
                "candidates of map {name}: no internal map is named {candidates:?}"
            ));
        }
        let seen = keys.iter().filter(|key| key.labels == *labels);
        let most = seen.filter_map(|key| max_of(key)).max();
        match most {
            None => note(format!(
                "no key has discover = \"seen\" and the labels of map {name}"
            )),
            Some(most) if most > *max_entries => note(format!(
                "max_entries of map {name} must be at least the max of its keys ({most})"
            )),
            Some(_) => {}
        }
        if named.contains(&labels.as_slice()) {
            note(format!("map {name} has the names of another"));
        }
        named.push(labels);
    }
    for key in keys.into_iter().filter(|key| max_of(key).is_some()) {
        if !named.contains(&key.labels.as_slice()) {
            let labels = key.labels.join("\", \"");
            note(format!(
                "key {} is seen, but no map has names = [\"{labels}\"]",
                key.field
            ));
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::module::Manifest;
    use crate::module::model::MapKind;
    use crate::module::samples::BEEP;

    const MAPS: &str = r#"
[[maps]]
name = "SEEN"
internal = true
max_entries = 16

[[maps]]
name = "NAMES"
names = ["horn", "player"]
candidates = "SEEN"
max_entries = 8

[[maps]]
name = "BEEP"
keys = [{ field = "id", labels = ["horn", "player"], discover = "seen", max = 8 }]
"#;

    fn parse(from: &str, to: &str) -> Result<Manifest, Vec<String>> {
        assert!(MAPS.contains(from), "no {from:?} in the sample");
        let maps = MAPS.replacen(from, to, 1);
        let text = BEEP.replacen("\n[[maps]]\nname = \"BEEP\"\n", &maps, 1);
        Manifest::parse_builtin("beep.toml", &text)
            .map_err(|errors| errors.iter().map(ToString::to_string).collect())
    }

    #[track_caller]
    fn error(from: &str, to: &str, expected: &str) {
        let found = parse(from, to).unwrap_err();
        assert!(
            found.iter().any(|error| error.ends_with(expected)),
            "{found:#?}"
        );
    }

    #[test]
    fn one_key_can_have_several_labels() {
        let manifest = parse("", "").unwrap();
        let labels = manifest.labels(&manifest.metrics[0], false);
        assert_eq!(labels, ["horn", "player"]);
        assert_eq!(manifest.discovered().len(), 1);
        assert_eq!(manifest.maps[2].entries(), 9);
        let names = MapKind::Names {
            labels,
            candidates: "SEEN".into(),
            max_entries: 8,
        };
        assert_eq!(manifest.maps[1].kind, names);
    }

    #[test]
    fn names_candidates_and_keys_belong_together() {
        error(
            "candidates = \"SEEN\"",
            "candidates = \"SAW\"",
            "candidates of map NAMES: no internal map is named \"SAW\"",
        );
        error(
            "names = [\"horn\", \"player\"]",
            "names = [\"horn\"]",
            "no key has discover = \"seen\" and the labels of map NAMES",
        );
        error(
            "names = [\"horn\", \"player\"]\ncandidates = \"SEEN\"",
            "internal = true",
            "key id is seen, but no map has names = [\"horn\", \"player\"]",
        );
        error(
            "max = 8",
            "max = 9",
            "max_entries of map NAMES must be at least the max of its keys (9)",
        );
        error(
            "internal = true",
            "internal = true\ncandidates = \"SEEN\"",
            "candidates is only for maps of names",
        );
    }

    #[test]
    fn only_what_is_seen_has_several_labels_and_those_no_pattern() {
        error(
            "discover = \"seen\"",
            "discover = \"cgroup\"",
            "only keys with discover = \"seen\" have labels",
        );
        error(
            "max = 8",
            "max = 8, exclude = \"a\"",
            "include and exclude are for keys with one label",
        );
        error(
            "labels = [\"horn\", \"player\"]",
            "label = \"horn\", labels = [\"horn\", \"player\"]",
            "a key has either label or labels",
        );
        error(
            "labels = [\"horn\", \"player\"]",
            "labels = [\"horn\", \"horn\"]",
            "label \"horn\" is listed twice",
        );
        error(
            "labels = [\"horn\", \"player\"]",
            "labels = []",
            "labels must name labels",
        );
    }
}
