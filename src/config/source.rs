use std::ffi::OsString;
use std::path::PathBuf;

use crate::document::{Node, Origin, Value};

/// Read if it exists and no other file is named.
pub const DEFAULT_FILE: &str = "/etc/geophone/geophone.toml";

/// What the command line sets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overrides {
    /// `--config.file`.
    pub file: Option<PathBuf>,
    pub settings: Vec<FlagSetting>,
}

/// A flag that sets a configuration key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlagSetting {
    /// As it was written, with dashes.
    pub flag: String,
    /// The key, its sections joined by dots.
    pub path: String,
    /// Several only for flags that may be repeated.
    pub values: Vec<String>,
}

/// Everything the configuration is made from, besides the defaults.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    pub overrides: Overrides,
    /// Variables; those that are not Geophone's are ignored.
    pub environment: Vec<(OsString, OsString)>,
    /// Read if it exists, unless the flag or the variable names another.
    pub default_file: Option<PathBuf>,
}

impl Sources {
    /// The process's environment, [`DEFAULT_FILE`], and what the command line says.
    pub fn of_process(overrides: Overrides) -> Self {
        Self {
            overrides,
            environment: std::env::vars_os().collect(),
            default_file: Some(DEFAULT_FILE.into()),
        }
    }
}

/// An array of strings that were all written at one place.
pub(super) fn list<T: Into<String>>(texts: impl IntoIterator<Item = T>, origin: &Origin) -> Value {
    let node = |text: T| Node {
        origin: origin.clone(),
        value: Value::String(text.into()),
    };
    Value::Array(texts.into_iter().map(node).collect())
}
