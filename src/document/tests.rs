#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;

fn problems(text: &str, known: &[&str]) -> Vec<String> {
    let table = parse("t.toml", text).unwrap();
    let problems = Problems::default();
    Fields::new(&table, "the file", known, &problems);
    problems
        .into_sorted()
        .iter()
        .map(ToString::to_string)
        .collect()
}

#[test]
fn places_count_characters_from_one() {
    let table = parse(
        "t.toml",
        "\"é\" = 1 # x\n[web]\npath = \"/\"\n\n[[metrics]]\nname = 1\n",
    )
    .unwrap();
    let place = |node: &Node| node.origin.to_string();
    let web = table.get("web").unwrap();
    assert_eq!(place(table.get("é").unwrap()), "t.toml:1:7");
    assert_eq!(place(web), "t.toml:2:1");
    let Value::Table(web) = &web.value else {
        panic!("table")
    };
    assert_eq!(place(web.get("path").unwrap()), "t.toml:3:8");
    let Value::Array(metrics) = &table.get("metrics").unwrap().value else {
        panic!("array")
    };
    assert_eq!(place(&metrics[0]), "t.toml:5:1");
}

#[test]
fn syntax_errors_are_all_found() {
    let found = parse("t.toml", "a = \nb = 1\nc = [1, \nd d = 2\n").unwrap_err();
    assert!(found.len() >= 2, "{found:?}");
    assert!(
        found[0].to_string().starts_with("t.toml:1:"),
        "{}",
        found[0]
    );
    assert!(
        found
            .iter()
            .all(|problem| problem.message.starts_with("not valid TOML: "))
    );
}

#[test]
fn unknown_keys_name_the_nearest() {
    assert_eq!(
        problems("filed = 1\nzzz = 2\n", &["field", "label"]),
        [
            "t.toml:1:1: unknown key \"filed\" in the file (did you mean \"field\"?)",
            "t.toml:2:1: unknown key \"zzz\" in the file",
        ]
    );
}

#[test]
fn getters_note_wrong_types() {
    let table = parse("t.toml", "a = 1\nb = [1, \"x\"]\nc = 1.5\nd = 1979-05-27\n").unwrap();
    let noted = Problems::default();
    let fields = Fields::new(&table, "[t]", &["a", "b", "c", "d"], &noted);
    assert!(fields.text("a").is_none());
    assert_eq!(fields.texts("b").len(), 1);
    assert!(fields.integer("c").is_none());
    assert!(fields.boolean("d").is_none());
    assert!(fields.required_text("e").is_none());
    let texts: Vec<String> = noted
        .into_sorted()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        texts,
        [
            "t.toml:1:1: missing key \"e\" in [t]",
            "t.toml:1:5: a in [t] must be a string, found the integer 1",
            "t.toml:2:6: b must hold only strings, found the integer 1",
            "t.toml:3:5: c in [t] must be an integer, found the number 1.5",
            "t.toml:4:5: d in [t] must be true or false, found the date 1979-05-27",
        ]
    );
}
