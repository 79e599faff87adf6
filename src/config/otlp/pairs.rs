//! Lists of `name=value`, as OpenTelemetry's variables have them (W3C Baggage without
//! properties): values are percent-decoded. Values may be secrets, and are in no message.

use figment::value::Value as Merged;
use percent_encoding::percent_decode_str;

use crate::document::{Node, Problem, Problems, Value};

/// A list as figment merges it, or what is wrong with it, each item's mistake at the item.
pub fn check(items: &[Node]) -> Result<Merged, Vec<Problem>> {
    let problems = Problems::default();
    let mut texts = Vec::with_capacity(items.len());
    let mut names = Vec::with_capacity(items.len());
    for (number, item) in (1..).zip(items) {
        let Value::String(text) = &item.value else {
            problems.add(&item.origin, "must be a list of strings \"name=value\"");
            continue;
        };
        match split(text) {
            Ok((name, _)) if names.contains(&name) => {
                // The name of what was meant to be two words may hold a secret.
                let what = format!("holds as item {number} a name that it has already");
                problems.add(&item.origin, what);
            }
            Ok((name, _)) => {
                names.push(name);
                texts.push(text.as_str());
            }
            Err(why) => problems.add(&item.origin, format!("holds as item {number} {why}")),
        }
    }
    if problems.is_empty() {
        Ok(texts.into())
    } else {
        Err(problems.into_sorted())
    }
}

/// Name and decoded value, or what is wrong, which does not tell the text.
pub fn split(text: &str) -> Result<(String, String), &'static str> {
    let (name, value) = text
        .split_once('=')
        .ok_or("one without \"=\"; write name=value")?;
    let decoded = |text: &str| {
        percent_decode_str(text.trim())
            .decode_utf8()
            .map(String::from)
    };
    match (decoded(name), decoded(value)) {
        (Ok(name), _) if name.is_empty() => Err("one without a name; write name=value"),
        (Ok(name), Ok(value)) => Ok((name, value)),
        _ => Err("one whose percent-encoding is not UTF-8"),
    }
}
