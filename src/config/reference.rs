use std::fmt::Write as _;

use super::schema::{self, Key};
use crate::document::Value;
use crate::module::Catalogue;

const HEADER: &str = "\
# Configuration of Geophone, with every key at its default.
#
# Read from /etc/geophone/geophone.toml, or from the file that --config.file names.
# Environment variables override it: GEOPHONE_WEB__TELEMETRY_PATH is telemetry_path in
# [web]; two underscores separate section and key, commas the items of a list. Flags
# override both. `geophone check` reports every mistake.
";

/// The text of the reference configuration, `config/geophone.toml`: every key documented, at
/// its default.
pub fn reference(catalogue: &Catalogue) -> String {
    let mut out = String::from(HEADER);
    section(&mut out, "", &schema::base());
    for module in catalogue.iter() {
        let manifest = &module.manifest;
        out.push('\n');
        wrapped(
            &mut out,
            &format!(
                "Module {}: {}.",
                manifest.name,
                manifest.summary.trim_end_matches('.')
            ),
        );
        let keys = schema::module(manifest);
        section(&mut out, &format!("modules.{}", manifest.name), &keys);
    }
    out
}

/// Writes keys in order, with a header wherever the section changes.
fn section(out: &mut String, without_blank: &str, keys: &[Key]) {
    let mut current = "";
    for key in keys {
        if key.section() != current {
            current = key.section();
            if current != without_blank {
                out.push('\n');
            }
            let _ = writeln!(out, "[{current}]");
        } else {
            out.push('\n');
        }
        wrapped(out, &format!("{}.", key.summary));
        for line in key.details {
            let _ = writeln!(out, "# {line}");
        }
        if let Some(bounds) = key.form.bounds() {
            let _ = writeln!(out, "# {bounds}");
        }
        if let Some(flag) = key.flag {
            let _ = writeln!(out, "# Flag --{}.", flag.name);
        }
        match &key.default {
            Some(value) => {
                let _ = writeln!(out, "{} = {}", key.name(), literal(value));
            }
            None => {
                let _ = writeln!(out, "# {} = \"auto\"", key.name());
            }
        }
    }
}

/// Writes a comment in lines of at most 96 characters.
fn wrapped(out: &mut String, text: &str) {
    let mut line = String::from("#");
    for word in text.split_whitespace() {
        if line.len() + word.len() > 95 {
            let _ = writeln!(out, "{line}");
            line = String::from("#");
        }
        line.push(' ');
        line.push_str(word);
    }
    let _ = writeln!(out, "{line}");
}

/// A value as TOML writes it.
pub(crate) fn literal(value: &Value) -> String {
    match value {
        // What needs escapes is easier to read in a literal string.
        Value::String(text) if text.contains('\\') && !text.contains('\'') => format!("'{text}'"),
        Value::String(text) => toml::Value::String(text.clone()).to_string(),
        Value::Integer(value) => value.to_string(),
        Value::Boolean(value) => value.to_string(),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(|item| literal(&item.value)).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Table(_) | Value::Other(_) => String::new(),
    }
}
