use std::time::Duration;

use figment::value::Value as Merged;

use super::{Pattern, otlp};
use crate::document::{Node, Problem, Value, did_you_mean};
use crate::http;

/// What a key's value looks like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Form {
    /// A path; empty for none.
    Path,
    Boolean,
    Integer {
        min: u64,
        max: u64,
    },
    Duration {
        min: Duration,
        max: Duration,
    },
    Choice(&'static [&'static str]),
    /// A list of paths.
    Paths,
    /// A list of `host:port`, not empty.
    Addresses,
    /// A path of an URL.
    UrlPath,
    /// A regular expression; empty for none.
    Pattern,
    /// true, false or "auto".
    Enabled,
    /// Any text.
    Text,
    /// A list of `name=value`, whose values may be secrets.
    Pairs,
}

impl Form {
    /// Whether the value is a list.
    pub fn is_list(&self) -> bool {
        matches!(self, Self::Paths | Self::Addresses | Self::Pairs)
    }

    /// Gives text from the environment or the command line the type that the key wants. What
    /// does not fit stays text, for [`Form::check`] to name.
    pub fn typed(&self, text: &str) -> Value {
        let typed = match self {
            Self::Boolean | Self::Enabled => text.parse().ok().map(Value::Boolean),
            Self::Integer { .. } => text.parse().ok().map(Value::Integer),
            _ => None,
        };
        typed.unwrap_or_else(|| Value::String(text.to_owned()))
    }

    /// The value as figment merges it, or what is wrong with it, to follow the key's name.
    pub fn check(&self, node: &Node) -> Result<Merged, Vec<Problem>> {
        match (self, &node.value) {
            (Self::Boolean, Value::Boolean(value)) => Ok((*value).into()),
            (Self::Enabled, Value::Boolean(value)) => Ok(value.to_string().into()),
            (Self::Enabled, Value::String(text)) if text == "auto" => Ok(text.as_str().into()),
            (Self::Integer { min, max }, Value::Integer(value)) => u64::try_from(*value)
                .ok()
                .filter(|value| (min..=max).contains(&value))
                .map(Merged::from)
                .ok_or_else(|| self.mismatch(node, "")),
            (Self::Pairs, Value::Array(items)) => otlp::check_pairs(items),
            (Self::Paths | Self::Addresses, Value::Array(items)) => {
                self.check_list(items, &node.origin)
            }
            (Self::Pairs, _) => Err(self.is_no_list(node)),
            (_, Value::String(text)) => match self.check_text(text) {
                Ok(true) => Ok(text.as_str().into()),
                Ok(false) => Err(self.mismatch(node, "")),
                Err(why) => Err(self.mismatch(node, &format!(": {why}"))),
            },
            _ => Err(self.mismatch(node, "")),
        }
    }

    /// The text may be a secret, and is not told.
    fn is_no_list(&self, node: &Node) -> Vec<Problem> {
        vec![Problem {
            origin: node.origin.clone(),
            message: format!(
                "must be {}, found {}",
                self.expected(false),
                node.value.kind()
            ),
        }]
    }

    fn mismatch(&self, node: &Node, reason: &str) -> Vec<Problem> {
        let hint = match (self, &node.value) {
            (Self::Choice(choices), Value::String(text)) => {
                did_you_mean(text, choices.iter().copied())
            }
            _ => String::new(),
        };
        let (expected, found) = (self.expected(node.origin.is_text()), node.value.describe());
        vec![Problem {
            origin: node.origin.clone(),
            message: format!("must be {expected}, found {found}{hint}{reason}"),
        }]
    }

    /// Whether a string fits; the reason where the form's description does not say it.
    fn check_text(&self, text: &str) -> Result<bool, String> {
        match self {
            Self::Path | Self::Text => Ok(true),
            Self::Duration { min, max } => {
                let parsed = humantime::parse_duration(text).map_err(|error| error.to_string())?;
                Ok((*min..=*max).contains(&parsed))
            }
            Self::Choice(choices) => Ok(choices.contains(&text)),
            Self::UrlPath => Ok(text.starts_with('/')
                && !http::is_reserved(text)
                && text
                    .bytes()
                    .all(|byte| byte.is_ascii_graphic() && !b"?#%\"<>".contains(&byte))),
            Self::Pattern => Pattern::new(text)
                .map(|_| true)
                .map_err(|error| error.to_string()),
            _ => Ok(false),
        }
    }
}
