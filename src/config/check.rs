use super::form::Form;
use super::layer::{Checked, Input, Layer, Setting, Text};
use super::schema::Key;
use super::source::list;
use crate::document::{Node, Origin, Problems, Value, did_you_mean, nearest};

/// Checks settings against the known keys.
pub(super) struct Checker<'a> {
    keys: &'a [Key],
    modules: Vec<&'a str>,
    /// Some module could not be read, so that an unknown one may be it.
    modules_incomplete: bool,
    problems: &'a Problems,
}

impl<'a> Checker<'a> {
    pub(super) fn new(
        keys: &'a [Key],
        modules: Vec<&'a str>,
        modules_incomplete: bool,
        problems: &'a Problems,
    ) -> Self {
        Self {
            keys,
            modules,
            modules_incomplete,
            problems,
        }
    }

    /// The settings that are right; the others become problems.
    pub(super) fn layer(&self, name: &'static str, settings: &[Setting]) -> Layer {
        let entries = settings
            .iter()
            .filter_map(|setting| self.setting(setting))
            .collect();
        Layer { name, entries }
    }

    fn setting(&self, setting: &Setting) -> Option<Checked> {
        let Some(key) = self.keys.iter().find(|key| key.path == setting.path) else {
            self.not_a_key(setting);
            return None;
        };
        let node = match &setting.input {
            Input::Node(node) => node.clone(),
            Input::Text(text) => Node {
                origin: setting.origin.clone(),
                value: typed(&key.form, text, &setting.origin),
            },
        };
        match key.form.check(&node) {
            Ok(value) => Some(Checked {
                path: setting.path.clone(),
                value,
                origin: node.origin,
            }),
            Err(mistakes) => {
                for mistake in mistakes {
                    let message = format!("{} {}", key.path, mistake.message);
                    self.problems.add(&mistake.origin, message);
                }
                None
            }
        }
    }

    fn not_a_key(&self, setting: &Setting) {
        let (section, name) = setting.path.rsplit_once('.').unwrap_or(("", &setting.path));
        let Input::Node(node) = &setting.input else {
            return self.unknown_text(setting);
        };
        let is_table = matches!(node.value, Value::Table(_));
        if self.is_section(&setting.path) {
            if !is_table {
                let found = node.value.kind();
                let path = &setting.path;
                self.problems.add(
                    &node.origin,
                    format!("{path} is a section, written [{path}], found {found}"),
                );
            }
        } else if section == "modules" && is_table {
            self.unknown_module(&setting.origin, name);
        } else if self.is_section(section) {
            self.unknown_key(&setting.origin, section, name, is_table);
        }
        // Otherwise its section is the mistake, and is reported as such.
    }

    /// Whether there are keys below the path. The top is a section.
    fn is_section(&self, path: &str) -> bool {
        path.is_empty() || self.keys.iter().any(|key| below(&key.path, path).is_some())
    }

    fn unknown_key(&self, origin: &Origin, section: &str, name: &str, is_table: bool) {
        let mut near: Vec<&str> = Vec::new();
        for key in self.keys {
            let rest = below(&key.path, section);
            near.extend(rest.and_then(|rest| rest.split('.').next()));
        }
        let elsewhere = self.keys.iter().find(|key| key.name() == name);
        let hint = match (nearest(name, near), elsewhere) {
            (Some(found), _) => format!(" (did you mean \"{found}\"?)"),
            (None, Some(key)) if key.section().is_empty() => {
                " (it belongs at the top, above every section)".into()
            }
            (None, Some(key)) => format!(" (it belongs in [{}])", key.section()),
            (None, None) => String::new(),
        };
        let what = if is_table { "section" } else { "key" };
        let place = if section.is_empty() {
            String::new()
        } else {
            format!(" in [{section}]")
        };
        self.problems
            .add(origin, format!("unknown {what} \"{name}\"{place}{hint}"));
    }

    fn unknown_module(&self, origin: &Origin, name: &str) {
        if self.modules_incomplete {
            return;
        }
        let hint = did_you_mean(name, self.modules.iter().copied());
        let known = if self.modules.is_empty() {
            "there are no modules".to_owned()
        } else {
            format!("known modules: {}", self.modules.join(", "))
        };
        self.problems
            .add(origin, format!("unknown module \"{name}\"{hint}; {known}"));
    }

    /// Flags are known to the command line already, so that only their module can be wrong.
    fn unknown_text(&self, setting: &Setting) {
        let mut words = setting.path.split('.');
        if let (Some("modules"), Some(module), Some(_)) = (words.next(), words.next(), words.next())
            && !self.modules.contains(&module)
        {
            return self.unknown_module(&setting.origin, module);
        }
        let hint = self.meant(&setting.path).map_or_else(String::new, |key| {
            format!(" (did you mean {}?)", key.variable())
        });
        let what = "sets nothing that Geophone knows";
        let remedy = "two underscores separate a section from a key";
        self.problems
            .add(&setting.origin, format!("{what}{hint}; {remedy}"));
    }

    /// The key that a variable was most likely meant to set. What all variables or all keys of
    /// a section begin with says nothing, and is not compared.
    fn meant(&self, path: &str) -> Option<&Key> {
        let mut sections = path
            .rmatch_indices('.')
            .filter_map(|(at, _)| path.get(..at));
        let section = sections
            .find(|section| self.is_section(section))
            .unwrap_or_default();
        let words = |path: &str| Some(below(path, section)?.replace('.', "__"));
        let candidates: Vec<(String, &Key)> = self
            .keys
            .iter()
            .filter_map(|key| Some((words(&key.path)?, key)))
            .collect();
        let near = nearest(&words(path)?, candidates.iter().map(|(words, _)| &**words));
        let found = candidates
            .iter()
            .find(|(words, _)| Some(&**words) == near)
            .map(|(_, key)| *key);
        // Right, but for its section.
        let name = path.rsplit('.').next();
        found.or_else(|| self.keys.iter().find(|key| Some(key.name()) == name))
    }
}

/// What of a path is left below a section, which is empty for the top.
fn below<'a>(path: &'a str, section: &str) -> Option<&'a str> {
    if section.is_empty() {
        return Some(path);
    }
    path.strip_prefix(section)?.strip_prefix('.')
}

/// Gives text the type that the key wants.
fn typed(form: &Form, text: &Text, origin: &Origin) -> Value {
    match text {
        Text::One(text) if form.is_list() => {
            let items = text.split(',').map(str::trim);
            list(items.filter(|item| !item.is_empty()), origin)
        }
        Text::Many(texts) if form.is_list() => list(texts.iter().map(String::as_str), origin),
        Text::One(text) => form.typed(text),
        Text::Many(texts) => form.typed(texts.last().map_or("", String::as_str)),
    }
}
