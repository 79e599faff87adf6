use super::{Node, Origin, Problems, Table, Value, did_you_mean};

/// A value with the place it was written at.
#[derive(Debug, Clone, Copy)]
pub struct At<'a, T> {
    pub value: T,
    pub origin: &'a Origin,
}

/// Takes a table apart, key by key, and notes what is wrong with it.
///
/// The getters return `None` when the key is absent and also when its value has the wrong
/// type, which is then already noted.
#[derive(Debug)]
pub struct Fields<'a> {
    table: &'a Table,
    /// What the table is, for messages: `[[metrics]]`, `keys`.
    name: &'a str,
    problems: &'a Problems,
}

impl<'a> Fields<'a> {
    /// Notes every key that is not `known`.
    pub fn new(table: &'a Table, name: &'a str, known: &[&str], problems: &'a Problems) -> Self {
        for entry in &table.entries {
            if !known.contains(&entry.key.as_str()) {
                let hint = did_you_mean(&entry.key, known.iter().copied());
                problems.add(
                    &entry.origin,
                    format!("unknown key {:?} in {name}{hint}", entry.key),
                );
            }
        }
        Self {
            table,
            name,
            problems,
        }
    }

    /// Where the table stands.
    pub fn origin(&self) -> &'a Origin {
        &self.table.origin
    }

    pub fn has(&self, key: &str) -> bool {
        self.table.get(key).is_some()
    }

    pub fn text(&self, key: &str) -> Option<At<'a, &'a str>> {
        self.get(key, "a string", |value| match value {
            Value::String(text) => Some(text.as_str()),
            _ => None,
        })
    }

    pub fn integer(&self, key: &str) -> Option<At<'a, i64>> {
        self.get(key, "an integer", |value| match value {
            Value::Integer(value) => Some(*value),
            _ => None,
        })
    }

    pub fn boolean(&self, key: &str) -> Option<At<'a, bool>> {
        self.get(key, "true or false", |value| match value {
            Value::Boolean(value) => Some(*value),
            _ => None,
        })
    }

    pub fn table(&self, key: &str) -> Option<&'a Table> {
        let found = self.get(key, "a table", |value| match value {
            Value::Table(table) => Some(table),
            _ => None,
        });
        found.map(|at| at.value)
    }

    /// An array, whatever is in it.
    pub fn array(&self, key: &str) -> Option<At<'a, &'a [Node]>> {
        self.get(key, "an array", |value| match value {
            Value::Array(items) => Some(items.as_slice()),
            _ => None,
        })
    }

    /// An array of strings; absent is empty.
    pub fn texts(&self, key: &str) -> Vec<At<'a, &'a str>> {
        let take = |node: &'a Node| match &node.value {
            Value::String(text) => Some(At {
                value: text.as_str(),
                origin: &node.origin,
            }),
            _ => self.mismatch(node, &format!("{key} must hold only strings")),
        };
        self.items(key).iter().filter_map(take).collect()
    }

    /// An array of integers; absent is empty.
    pub fn integers(&self, key: &str) -> Vec<At<'a, i64>> {
        let take = |node: &'a Node| match node.value {
            Value::Integer(value) => Some(At {
                value,
                origin: &node.origin,
            }),
            _ => self.mismatch(node, &format!("{key} must hold only integers")),
        };
        self.items(key).iter().filter_map(take).collect()
    }

    /// An array of tables; absent is empty.
    pub fn tables(&self, key: &str) -> Vec<&'a Table> {
        let take = |node: &'a Node| match &node.value {
            Value::Table(table) => Some(table),
            _ => self.mismatch(node, &format!("{key} must hold only tables")),
        };
        self.items(key).iter().filter_map(take).collect()
    }

    /// Like [`Fields::text`]; a missing key is a problem.
    pub fn required_text(&self, key: &str) -> Option<At<'a, &'a str>> {
        self.require(key);
        self.text(key)
    }

    /// Notes the absence of a key.
    pub fn require(&self, key: &str) {
        if !self.has(key) {
            self.problems.add(
                &self.table.origin,
                format!("missing key \"{key}\" in {}", self.name),
            );
        }
    }

    fn items(&self, key: &str) -> &'a [Node] {
        self.array(key).map_or(&[], |at| at.value)
    }

    fn get<T>(
        &self,
        key: &str,
        expected: &str,
        take: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Option<At<'a, T>> {
        let node = self.table.get(key)?;
        match take(&node.value) {
            Some(value) => Some(At {
                value,
                origin: &node.origin,
            }),
            None => self.mismatch(node, &format!("{key} in {} must be {expected}", self.name)),
        }
    }

    fn mismatch<T>(&self, node: &Node, rule: &str) -> Option<T> {
        self.problems.add(
            &node.origin,
            format!("{rule}, found {}", node.value.describe()),
        );
        None
    }
}
