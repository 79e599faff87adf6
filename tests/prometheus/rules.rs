//! The rules of dashboards/rules: that they fire when they shall and only then, that what they ask
//! for is exported, and that each alert has a page that says what to do.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use geophone_test_support::promtool::Promtool;

/// Endings that a histogram's samples add to its name.
const SAMPLES: [&str; 2] = ["_bucket", "_count"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn rules() -> Vec<PathBuf> {
    ["recording.yml", "alerts.yml"]
        .map(|name| root().join("dashboards/rules").join(name))
        .to_vec()
}

fn text(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

#[test]
fn promtool_understands_the_rules() {
    let Some(promtool) = Promtool::find() else {
        return;
    };
    promtool.check_rules(&rules()).unwrap();
}

#[test]
fn alerts_fire_when_they_shall() {
    let Some(promtool) = Promtool::find() else {
        return;
    };
    let tests = fs::read_dir(root().join("dashboards/rules/tests")).unwrap();
    for test in tests {
        promtool.test_rules(&test.unwrap().path()).unwrap();
    }
}

#[test]
fn every_alert_is_tested_and_has_a_page() {
    let rules = text("dashboards/rules/alerts.yml");
    let alerts = rules
        .lines()
        .filter_map(|line| line.split_once("- alert: "));
    let alerts: Vec<&str> = alerts.map(|(_, name)| name).collect();
    assert!(!alerts.is_empty());
    let tests =
        ["machines", "itself"].map(|name| text(&format!("dashboards/rules/tests/{name}.yml")));
    for alert in alerts {
        let page = format!("docs/runbooks/{alert}.md");
        assert!(text(&page).starts_with(&format!("# {alert}\n")), "{page}");
        // In the tests, too: what an alert that fires says.
        let fires = format!("runbook: {page}\n");
        assert!(rules.contains(&fires), "{page}");
        assert!(tests.iter().any(|test| test.contains(&fires)), "{alert}");
    }
}

/// What begins as the names of metrics do, in the files that ask Prometheus.
fn asked_for() -> BTreeSet<String> {
    let is_of_name = |letter: char| letter.is_ascii_alphanumeric() || "_:".contains(letter);
    let texts = rules()
        .into_iter()
        .map(|path| fs::read_to_string(path).unwrap());
    let text: String = texts.collect();
    let words = text.split(|letter| !is_of_name(letter));
    let names = words.filter(|word| word.starts_with("geophone_"));
    names.map(str::to_owned).collect()
}

#[test]
fn what_the_rules_ask_for_is_exported() {
    let reference = text("docs/metrics.md");
    let names = asked_for();
    assert!(names.len() > 10, "{names:?}");
    for name in names {
        let plain = SAMPLES.iter().find_map(|ending| name.strip_suffix(ending));
        let found = [Some(name.as_str()), plain].into_iter().flatten();
        let mut found = found.map(|name| format!("\n### `{name}`\n"));
        assert!(found.any(|heading| reference.contains(&heading)), "{name}");
    }
}
