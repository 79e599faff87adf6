use super::Key;
use crate::config::Form;
use crate::document::Value;
use crate::module::{KeySource, Manifest, OptionKind};

fn enabled(path: &str, manifest: &Manifest) -> Key {
    let off = Value::Boolean(false);
    if !manifest.on_by_default {
        let summary = "true, false or \"auto\"; whatever modules.default says this module is off";
        return Key::new(path, Form::Enabled, off, summary);
    }
    let summary = "true, false or \"auto\"; what modules.default says unless set";
    Key {
        default: None,
        ..Key::new(path, Form::Enabled, off, summary)
    }
}

/// The keys of one module's section, `[modules.NAME]`.
pub fn module(manifest: &Manifest) -> Vec<Key> {
    let path = |name: &str| format!("modules.{}.{name}", manifest.name);
    let mut keys = vec![
        enabled(&path("enabled"), manifest),
        Key::new(
            &path("schema"),
            Form::Integer { min: 0, max: 3 },
            Value::Integer(3),
            "Resolution of histograms: 2^schema buckets per octave",
        ),
        Key::new(
            &path("max_series"),
            Form::Integer {
                min: 1,
                max: 1_000_000,
            },
            Value::Integer(i64::from(manifest.max_series)),
            "Most series of each metric; what does not fit is folded into \"other\"",
        ),
    ];
    for option in &manifest.options {
        let (form, default) = match option.kind {
            OptionKind::Bool { default } => (Form::Boolean, Value::Boolean(default)),
            OptionKind::Integer { default, min, max } => {
                let default = i64::try_from(default).unwrap_or(i64::MAX);
                (Form::Integer { min, max }, Value::Integer(default))
            }
        };
        let summary = option.help.trim_end_matches('.');
        keys.push(Key::new(&path(&option.name), form, default, summary));
    }
    for key in manifest.discovered() {
        let KeySource::Discovered {
            include, exclude, ..
        } = &key.source
        else {
            continue;
        };
        for label in &key.labels {
            let of = |what: &str| format!("Only {label}s that match this {what}");
            let mut include_key = Key::new(
                &path(&format!("{label}_include")),
                Form::Pattern,
                Value::String(include.clone()),
                &of("regular expression get series of their own; empty: all"),
            );
            include_key.details =
                &["It must match the whole name. Not together with the exclusion below."];
            keys.push(include_key);
            keys.push(Key::new(
                &path(&format!("{label}_exclude")),
                Form::Pattern,
                Value::String(exclude.clone()),
                &format!("No {label} that matches this regular expression gets series of its own"),
            ));
        }
    }
    keys
}
