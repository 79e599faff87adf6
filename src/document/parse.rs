use std::ops::Range;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Entry, Node, Origin, Problem, Problems, Table, Value};

/// Reads TOML text; `file` is the name that origins carry.
///
/// Returns every syntax error, not only the first.
pub fn parse(file: &str, text: &str) -> Result<Table, Vec<Problem>> {
    let places = Places::new(file, text);
    let (root, errors) = DeTable::parse_recoverable(text);
    if errors.is_empty() {
        return Ok(places.table(root.get_ref(), places.at(0)));
    }
    let problems = Problems::default();
    for error in errors {
        let at = error.span().map_or(text.len(), |span| span.start);
        let what = error.message().replace('\n', ", ");
        problems.add(&places.at(at), format!("not valid TOML: {what}"));
    }
    Err(problems.into_sorted())
}

/// Turns byte offsets into lines and columns.
struct Places<'a> {
    file: Arc<str>,
    text: &'a str,
    /// Byte offset at which each line starts.
    lines: Vec<usize>,
}

impl<'a> Places<'a> {
    fn new(file: &str, text: &'a str) -> Self {
        let starts = text.match_indices('\n').map(|(at, _)| at + 1);
        Self {
            file: file.into(),
            text,
            lines: std::iter::once(0).chain(starts).collect(),
        }
    }

    fn at(&self, offset: usize) -> Origin {
        let line = self.lines.partition_point(|&start| start <= offset);
        let start = line
            .checked_sub(1)
            .and_then(|at| self.lines.get(at))
            .copied()
            .unwrap_or(0);
        let column = self
            .text
            .get(start..offset)
            .map_or(0, |before| before.chars().count())
            + 1;
        Origin::File {
            file: self.file.clone(),
            line,
            column,
        }
    }

    fn table(&self, table: &DeTable<'_>, origin: Origin) -> Table {
        let mut entries: Vec<(usize, Entry)> = table
            .iter()
            .map(|(key, value)| {
                let origin = self.at(key.span().start);
                let node = self.node(value, &origin);
                (
                    key.span().start,
                    Entry {
                        key: key.get_ref().to_string(),
                        origin,
                        node,
                    },
                )
            })
            .collect();
        entries.sort_by_key(|(start, _)| *start);
        Table {
            origin,
            entries: entries.into_iter().map(|(_, entry)| entry).collect(),
        }
    }

    fn node(&self, node: &Spanned<DeValue<'_>>, key: &Origin) -> Node {
        let Range { start, end } = node.span();
        // Tables made by dotted keys have no text of their own.
        let origin = if start == end {
            key.clone()
        } else {
            self.at(start)
        };
        let value = match node.get_ref() {
            DeValue::String(text) => Value::String(text.to_string()),
            DeValue::Integer(digits) => i64::from_str_radix(digits.as_str(), digits.radix())
                .map_or_else(
                    |_| Value::Other(format!("the number {digits}")),
                    Value::Integer,
                ),
            DeValue::Float(digits) => Value::Other(format!("the number {digits}")),
            DeValue::Boolean(value) => Value::Boolean(*value),
            DeValue::Datetime(date) => Value::Other(format!("the date {date}")),
            DeValue::Array(items) => {
                Value::Array(items.iter().map(|item| self.node(item, &origin)).collect())
            }
            DeValue::Table(table) => Value::Table(self.table(table, origin.clone())),
        };
        Node { origin, value }
    }
}
