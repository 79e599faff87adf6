use super::Origin;

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    pub origin: Origin,
    pub value: Value,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    String(String),
    Integer(i64),
    Boolean(bool),
    Array(Vec<Node>),
    Table(Table),
    /// A kind of value that nothing here takes (floats, dates, integers beyond 64 bits), in words.
    Other(String),
}

/// Entries in the order in which they were written.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    pub origin: Origin,
    pub entries: Vec<Entry>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    pub key: String,
    /// Where the key stands.
    pub origin: Origin,
    pub node: Node,
}

impl Table {
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entries
            .iter()
            .find(|entry| entry.key == key)
            .map(|entry| &entry.node)
    }
}

impl Value {
    /// What kind of value it is, for "found …" where it may be a secret.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::String(_) => "a string",
            Self::Integer(_) => "an integer",
            Self::Boolean(_) => "a boolean",
            Self::Array(_) => "an array",
            Self::Table(_) => "a table",
            Self::Other(_) => "a value of another kind",
        }
    }

    /// What the value is, for "found …".
    pub fn describe(&self) -> String {
        match self {
            Self::String(text) => format!("the string {text:?}"),
            Self::Integer(value) => format!("the integer {value}"),
            Self::Boolean(value) => format!("the boolean {value}"),
            Self::Array(_) => "an array".into(),
            Self::Table(_) => "a table".into(),
            Self::Other(what) => what.clone(),
        }
    }
}
