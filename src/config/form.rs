use std::time::Duration;

use figment::value::Value as Merged;

use super::{ListenAddress, Pattern};
use crate::document::{Node, Value, did_you_mean};
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
}

impl Form {
    /// Whether the value is a list.
    pub fn is_list(&self) -> bool {
        matches!(self, Self::Paths | Self::Addresses)
    }

    /// What the value must be, to follow "must be".
    pub fn expected(&self) -> String {
        match self {
            Self::Path => "a path in quotes".into(),
            Self::Boolean => "true or false".into(),
            Self::Integer { min, max } if *max >= i64::MAX.unsigned_abs() => {
                format!("an integer of at least {min}")
            }
            Self::Integer { min, max } => format!("an integer from {min} to {max}"),
            Self::Duration { min, max } => {
                let (min, max) = (
                    humantime::format_duration(*min),
                    humantime::format_duration(*max),
                );
                format!("a duration in quotes, such as \"15s\" or \"500ms\", from {min} to {max}")
            }
            Self::Choice(choices) => format!("one of {}", quoted(choices)),
            Self::Paths => "a list of paths".into(),
            Self::Addresses => "a list of addresses, such as [\"[::]:10435\"]".into(),
            Self::UrlPath => {
                let reserved = http::reserved();
                format!("a path that begins with \"/\" and is neither {reserved}")
            }
            Self::Pattern => "a regular expression in quotes".into(),
            Self::Enabled => "true, false or \"auto\"".into(),
        }
    }

    /// The bounds, as a sentence for the reference file, where its text does not say them.
    pub fn bounds(&self) -> Option<String> {
        match self {
            Self::Integer { max, .. } if *max >= i64::MAX.unsigned_abs() => None,
            Self::Integer { min, max } => Some(format!("From {min} to {max}.")),
            Self::Duration { min, max } => {
                let text = humantime::format_duration;
                Some(format!("From {} to {}.", text(*min), text(*max)))
            }
            Self::Choice(choices) => Some(format!("One of {}.", quoted(choices))),
            _ => None,
        }
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
    pub fn check(&self, node: &Node) -> Result<Merged, String> {
        let mismatch = || {
            let hint = match (self, &node.value) {
                (Self::Choice(choices), Value::String(text)) => {
                    did_you_mean(text, choices.iter().copied())
                }
                _ => String::new(),
            };
            let found = node.value.describe();
            format!("must be {}, found {found}{hint}", self.expected())
        };
        match (self, &node.value) {
            (Self::Boolean, Value::Boolean(value)) => Ok((*value).into()),
            (Self::Enabled, Value::Boolean(value)) => Ok(value.to_string().into()),
            (Self::Enabled, Value::String(text)) if text == "auto" => Ok(text.as_str().into()),
            (Self::Integer { min, max }, Value::Integer(value)) => u64::try_from(*value)
                .ok()
                .filter(|value| (min..=max).contains(&value))
                .map(Merged::from)
                .ok_or_else(mismatch),
            (Self::Paths | Self::Addresses, Value::Array(items)) => self.check_list(items),
            (_, Value::String(text)) => {
                if self
                    .check_text(text)
                    .map_err(|why| format!("{}: {why}", mismatch()))?
                {
                    Ok(text.as_str().into())
                } else {
                    Err(mismatch())
                }
            }
            _ => Err(mismatch()),
        }
    }

    /// Whether a string fits; the reason where the form's description does not say it.
    fn check_text(&self, text: &str) -> Result<bool, String> {
        match self {
            Self::Path => Ok(true),
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

    fn check_list(&self, items: &[Node]) -> Result<Merged, String> {
        let mut texts: Vec<&str> = Vec::with_capacity(items.len());
        for item in items {
            let Value::String(text) = &item.value else {
                return Err(format!(
                    "must be {}, found in it {}",
                    self.expected(),
                    item.value.describe()
                ));
            };
            if *self == Self::Addresses {
                text.parse::<ListenAddress>().map_err(|why| {
                    format!("holds {text:?}, but {why}; write \"host:port\", \":port\" or \"[ipv6]:port\", the host an IP address or localhost")
                })?;
            } else if text.is_empty() {
                return Err("holds an empty path; remove it".into());
            }
            if texts.contains(&text.as_str()) {
                return Err(format!("holds {text:?} twice"));
            }
            texts.push(text);
        }
        if texts.is_empty() && *self == Self::Addresses {
            return Err("must hold at least one address".into());
        }
        Ok(texts.into())
    }
}

fn quoted(choices: &[&str]) -> String {
    choices
        .iter()
        .map(|choice| format!("\"{choice}\""))
        .collect::<Vec<_>>()
        .join(", ")
}
