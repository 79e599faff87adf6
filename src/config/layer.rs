use figment::value::{Dict, Map, Value as Merged};
use figment::{Metadata, Profile, Provider};

use crate::document::{Node, Origin, Problems, Table, Value};

/// A setting from the environment or the command line: text that does not know its type.
#[derive(Debug, Clone)]
pub(super) struct RawSetting {
    pub path: String,
    pub text: Text,
    pub origin: Origin,
}

#[derive(Debug, Clone)]
pub(super) enum Text {
    /// Lists are separated by commas.
    One(String),
    /// From a flag that may be repeated.
    Many(Vec<String>),
}

/// A setting before it is checked.
#[derive(Debug, Clone)]
pub(super) struct Setting {
    /// Sections and name, joined by dots.
    pub path: String,
    /// Where the key was written.
    pub origin: Origin,
    pub input: Input,
}

#[derive(Debug, Clone)]
pub(super) enum Input {
    Node(Node),
    Text(Text),
}

/// One source's settings, checked, as figment merges them.
#[derive(Debug)]
pub(super) struct Layer {
    /// Unique among the layers: how figment says whose value won.
    pub name: &'static str,
    pub entries: Vec<Checked>,
}

#[derive(Debug)]
pub(super) struct Checked {
    pub path: String,
    pub value: Merged,
    pub origin: Origin,
}

impl From<RawSetting> for Setting {
    fn from(raw: RawSetting) -> Self {
        Self {
            path: raw.path,
            origin: raw.origin,
            input: Input::Text(raw.text),
        }
    }
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.name)
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        let mut root = Dict::new();
        for entry in &self.entries {
            insert(&mut root, &entry.path, entry.value.clone());
        }
        Ok(Profile::Default.collect(root))
    }
}

fn insert(dict: &mut Dict, path: &str, value: Merged) {
    let Some((section, rest)) = path.split_once('.') else {
        dict.insert(path.to_owned(), value);
        return;
    };
    let inner = dict
        .entry(section.to_owned())
        .or_insert_with(|| Dict::new().into());
    if let Merged::Dict(_, inner) = inner {
        insert(inner, rest, value);
    }
}

/// Every key of a file, sections included, outermost first.
pub(super) fn flatten(table: &Table, problems: &Problems) -> Vec<Setting> {
    let mut settings = Vec::new();
    collect(table, "", &mut settings, problems);
    settings
}

fn collect(table: &Table, prefix: &str, settings: &mut Vec<Setting>, problems: &Problems) {
    for entry in &table.entries {
        let key = &entry.key;
        // It must not pass for a section and a name, since paths are joined by dots.
        if key.contains('.') {
            let remedy = "sections and keys are joined without quotes";
            problems.add(&entry.origin, format!("unknown key {key:?}: {remedy}"));
            continue;
        }
        let path = if prefix.is_empty() {
            key.clone()
        } else {
            format!("{prefix}.{key}")
        };
        settings.push(Setting {
            path: path.clone(),
            origin: entry.origin.clone(),
            input: Input::Node(entry.node.clone()),
        });
        if let Value::Table(inner) = &entry.node.value {
            collect(inner, &path, settings, problems);
        }
    }
}
