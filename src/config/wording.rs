use std::time::Duration;

use super::Form;
use crate::http;

/// Durations to give as examples.
const EXAMPLES: [(&str, Duration); 4] = [
    ("500ms", Duration::from_millis(500)),
    ("15s", Duration::from_secs(15)),
    ("5m", Duration::from_mins(5)),
    ("12h", Duration::from_hours(12)),
];

impl Form {
    /// What the value must be, to follow "must be". Strings are in quotes where TOML wants
    /// them, and bare where the value [is text](crate::document::Origin::is_text) anyway.
    pub fn expected(&self, is_text: bool) -> String {
        let in_quotes = if is_text { "" } else { " in quotes" };
        match self {
            Self::Path => format!("a path{in_quotes}"),
            Self::Boolean => "true or false".into(),
            Self::Integer { min, max } if *max >= i64::MAX.unsigned_abs() => {
                format!("an integer of at least {min}")
            }
            Self::Integer { min, max } => format!("an integer from {min} to {max}"),
            Self::Duration { min, max } => {
                let within = EXAMPLES
                    .iter()
                    .filter(|(_, duration)| (min..=max).contains(&duration));
                let examples: Vec<String> = within
                    .take(2)
                    .map(|(text, _)| written(text, is_text))
                    .collect();
                let such_as = if examples.is_empty() {
                    String::new()
                } else {
                    format!(", such as {}", examples.join(" or "))
                };
                format!("a duration{in_quotes} {}{such_as}", range(*min, *max))
            }
            Self::Choice(choices) => format!("one of {}", listed(choices, is_text)),
            Self::Paths => "a list of paths".into(),
            Self::Addresses => "a list of addresses, such as [\"[::]:10435\"]".into(),
            Self::UrlPath => {
                let reserved = http::reserved();
                format!("a path that begins with \"/\" and is neither {reserved}")
            }
            Self::Pattern => format!("a regular expression{in_quotes}"),
            Self::Text => format!("text{in_quotes}"),
            Self::Pairs => "a list of texts, such as [\"name=value\"]".into(),
            Self::Enabled => format!("true, false or {}", written("auto", is_text)),
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
            Self::Choice(choices) => Some(format!("One of {}.", listed(choices, false))),
            _ => None,
        }
    }
}

/// A string as one writes it: within quotes in a file, as it is elsewhere.
pub(super) fn written(text: &str, is_text: bool) -> String {
    if is_text {
        text.to_owned()
    } else {
        format!("\"{text}\"")
    }
}

fn listed(choices: &[&str], is_text: bool) -> String {
    let choices: Vec<String> = choices
        .iter()
        .map(|choice| written(choice, is_text))
        .collect();
    choices.join(", ")
}

fn range(min: Duration, max: Duration) -> String {
    let text = humantime::format_duration;
    format!("from {} to {}", text(min), text(max))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_of_durations_are_durations_within_the_bounds() {
        for (text, duration) in EXAMPLES {
            assert_eq!(humantime::parse_duration(text), Ok(duration));
        }
        let (second, hour) = (Duration::from_secs(1), Duration::from_hours(1));
        let expected = |min, max, is_text| Form::Duration { min, max }.expected(is_text);
        assert_eq!(
            expected(second, hour, false),
            "a duration in quotes from 1s to 1h, such as \"15s\" or \"5m\""
        );
        assert_eq!(
            expected(second, hour, true),
            "a duration from 1s to 1h, such as 15s or 5m"
        );
        assert_eq!(
            expected(Duration::ZERO, hour, true),
            "a duration from 0s to 1h, such as 500ms or 15s"
        );
        assert_eq!(
            expected(Duration::ZERO, Duration::from_millis(1), true),
            "a duration from 0s to 1ms"
        );
    }
}
