use super::*;

#[test]
fn every_default_is_valid_and_keys_are_unique() {
    let keys = schema::all(&catalogue(), &[]);
    for (at, key) in keys.iter().enumerate() {
        assert!(
            keys[..at].iter().all(|other| other.path != key.path),
            "{} twice",
            key.path
        );
        if let Some(value) = key.default.clone() {
            let node = crate::document::Node {
                origin: crate::document::Origin::Default,
                value,
            };
            let checked = key.form.check(&node);
            assert!(checked.is_ok(), "{}: {checked:?}", key.path);
        }
    }
}

/// The reference file, as it is and with its commented keys switched on, equals the defaults.
fn assert_equals_defaults(text: &str, known: &crate::module::Catalogue) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("geophone.toml");
    let mut defaults = Config::load(&Sources::default(), known.clone())
        .unwrap()
        .config;
    defaults.file = Some(path.clone());
    for text in [
        text.to_owned(),
        text.replace("\n# enabled = ", "\nenabled = "),
    ] {
        std::fs::write(&path, text).unwrap();
        let loaded = Config::load(&sources(Some(&path), &[], &[]), known.clone());
        assert_eq!(
            loaded
                .map_err(|errors| format!("{errors:#?}"))
                .unwrap()
                .config,
            defaults
        );
    }
    for key in schema::all(known, &[]) {
        let name = key.name();
        let default = key.default.as_ref().map(reference::literal);
        let line = default.map_or(format!("\n# {name} = \"auto\"\n"), |value| {
            format!("\n{name} = {value}\n")
        });
        let header = if key.section().is_empty() {
            String::new()
        } else {
            format!("\n[{}]\n", key.section())
        };
        assert!(
            text.contains(&header) && text.contains(&line),
            "{} is not there",
            key.path
        );
    }
}

#[test]
fn rendered_reference_equals_the_defaults() {
    let known = catalogue();
    assert_equals_defaults(&reference(&known), &known);
}

#[test]
fn committed_reference_is_current() {
    let known = crate::module::Catalogue::builtin().unwrap();
    let text = include_str!("../../../config/geophone.toml");
    assert_equals_defaults(text, &known);
    assert_eq!(
        text,
        reference(&known),
        "run `cargo xtask docs` and commit config/geophone.toml"
    );
}
