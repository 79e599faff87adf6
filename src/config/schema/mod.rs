//! Every key of the configuration.

mod base;
mod module;
mod otlp;

pub use base::base;
pub use module::module;
pub use otlp::otlp_endpoint;

use super::Form;
use super::otlp::DEFAULT;
use crate::document::Value;
use crate::module::Catalogue;

/// One key: its single source of type, bounds, default and text.
#[derive(Debug, Clone, PartialEq)]
pub struct Key {
    /// Sections and name, joined by dots.
    pub path: String,
    pub form: Form,
    /// None for a key that inherits another's value while it is not set.
    pub default: Option<Value>,
    /// What it does, one line without a period.
    pub summary: String,
    /// What else there is to know, for the reference file.
    pub details: &'static [&'static str],
    pub flag: Option<Flag>,
}

/// The command-line flag of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flag {
    /// Without the dashes.
    pub name: &'static str,
    /// Stands for the value in the help text; empty for a switch, which is true without one.
    pub value: &'static str,
}

impl Flag {
    pub fn is_switch(self) -> bool {
        self.value.is_empty()
    }
}

impl Key {
    fn new(path: &str, form: Form, default: Value, summary: &str) -> Self {
        let (path, summary) = (path.to_owned(), summary.to_owned());
        Self {
            path,
            form,
            default: Some(default),
            summary,
            details: &[],
            flag: None,
        }
    }

    fn details(self, details: &'static [&'static str]) -> Self {
        Self { details, ..self }
    }

    fn flag(self, name: &'static str, value: &'static str) -> Self {
        Self {
            flag: Some(Flag { name, value }),
            ..self
        }
    }

    fn switch(self, name: &'static str) -> Self {
        self.flag(name, "")
    }

    /// The environment variable that sets it.
    pub fn variable(&self) -> String {
        super::environment::variable(&self.path)
    }

    /// The sections it is in, joined by dots; empty at the top.
    pub fn section(&self) -> &str {
        self.path
            .rsplit_once('.')
            .map_or("", |(section, _)| section)
    }

    /// Its name within its section.
    pub fn name(&self) -> &str {
        self.path
            .rsplit_once('.')
            .map_or(&*self.path, |(_, name)| name)
    }
}

/// Every key, with those of all modules of the catalogue and of the endpoints of these names,
/// beside the default one.
pub fn all(catalogue: &Catalogue, endpoints: &[String]) -> Vec<Key> {
    let mut keys = base();
    let others = endpoints.iter().filter(|name| *name != DEFAULT);
    keys.extend(others.flat_map(|name| otlp_endpoint(name)));
    keys.extend(catalogue.iter().flat_map(|known| module(&known.manifest)));
    keys
}
