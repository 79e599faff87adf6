//! `collect[]=` and `exclude[]=`: which modules a scrape wants.

use std::sync::Arc;

use thiserror::Error;

use crate::nearest::did_you_mean;
use crate::snapshot::{Family, Snapshot};

/// Geophone's own metrics belong to no module and are never left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Filter {
    All,
    Only(Vec<String>),
    Except(Vec<String>),
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(super) enum FilterError {
    #[error(
        "collect[] and exclude[] cannot be used together: name either what to collect or what to leave out"
    )]
    Both,
    #[error("there is no module {name:?}{hint}; the modules are: {known}")]
    Unknown {
        name: String,
        hint: String,
        known: String,
    },
    #[error("{name} without brackets selects nothing; write {name}[]={value}")]
    Brackets { name: String, value: String },
    #[error("the query has a percent sign without two hexadecimal digits, or is not UTF-8")]
    Encoding,
}

impl Filter {
    /// Reads a query string; parameters of other names are somebody else's.
    pub(super) fn parse(query: &str, modules: &[String]) -> Result<Self, FilterError> {
        let (mut only, mut except) = (Vec::new(), Vec::new());
        for pair in query.split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            // What cannot be decoded is not one of ours, either.
            let Ok(name) = decode(name) else { continue };
            let list = match name.as_str() {
                "collect[]" => &mut only,
                "exclude[]" => &mut except,
                "collect" | "exclude" => {
                    let value = value.to_owned();
                    return Err(FilterError::Brackets { name, value });
                }
                _ => continue,
            };
            let module = decode(value)?;
            if !modules.contains(&module) {
                return Err(unknown(module, modules));
            }
            list.push(module);
        }
        match (only.is_empty(), except.is_empty()) {
            (true, true) => Ok(Self::All),
            (false, true) => Ok(Self::Only(only)),
            (true, false) => Ok(Self::Except(except)),
            (false, false) => Err(FilterError::Both),
        }
    }

    /// The families that are wanted, in their order.
    pub(super) fn apply(&self, snapshot: &Snapshot) -> Vec<Arc<Family>> {
        let wanted = |family: &&Arc<Family>| {
            family
                .descriptor
                .module
                .as_ref()
                .is_none_or(|module| match self {
                    Self::All => true,
                    Self::Only(modules) => modules.contains(module),
                    Self::Except(modules) => !modules.contains(module),
                })
        };
        snapshot.families.iter().filter(wanted).cloned().collect()
    }
}

fn unknown(name: String, modules: &[String]) -> FilterError {
    FilterError::Unknown {
        hint: did_you_mean(&name, modules.iter().map(String::as_str)),
        known: modules.join(", "),
        name,
    }
}

/// Decodes a form value: `%41` and `+`.
fn decode(text: &str) -> Result<String, FilterError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let (digits, after) = rest.split_at_checked(2).ok_or(FilterError::Encoding)?;
                rest = after;
                hexadecimal(digits).ok_or(FilterError::Encoding)?
            }
            other => other,
        });
    }
    String::from_utf8(bytes).map_err(|_| FilterError::Encoding)
}

fn hexadecimal(digits: &[u8]) -> Option<u8> {
    digits.iter().try_fold(0_u8, |value, digit| {
        let digit = char::from(*digit).to_digit(16)?;
        Some(value << 4 | u8::try_from(digit).ok()?)
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(query: &str) -> Result<Filter, FilterError> {
        Filter::parse(
            query,
            &[
                "runqueue".to_owned(),
                "block_io".to_owned(),
                "tcp".to_owned(),
            ],
        )
    }

    #[test]
    fn modules_are_named_plainly_or_percent_encoded() {
        assert_eq!(parse(""), Ok(Filter::All));
        assert_eq!(parse("debug=1&&x"), Ok(Filter::All));
        assert_eq!(parse("%zz&%ff=1&%=tcp"), Ok(Filter::All));
        let both = Filter::Only(vec!["tcp".into(), "block_io".into()]);
        assert_eq!(parse("collect[]=tcp&collect%5B%5D=block%5fio"), Ok(both));
        assert_eq!(
            parse("exclude[]=tcp"),
            Ok(Filter::Except(vec!["tcp".into()]))
        );
    }

    #[test]
    fn mistakes_are_explained() {
        assert_eq!(parse("collect[]=tcp&exclude[]=tcp"), Err(FilterError::Both));
        assert_eq!(parse("collect[]=%4"), Err(FilterError::Encoding));
        assert_eq!(parse("collect[]=%+1"), Err(FilterError::Encoding));
        assert_eq!(parse("collect[]=%ff"), Err(FilterError::Encoding));
        assert_eq!(
            parse("collect[]=run_queue").unwrap_err().to_string(),
            "there is no module \"run_queue\" (did you mean \"runqueue\"?); \
             the modules are: runqueue, block_io, tcp"
        );
        // By the rule of every other suggestion: `run` shares too little, `RUNQUEUE` enough.
        let hint = |query: &str| parse(query).unwrap_err().to_string();
        assert!(!hint("collect[]=run").contains("did you mean"));
        assert!(hint("collect[]=RUNQUEUE").contains("(did you mean \"runqueue\"?)"));
        assert!(hint("exclude[]=").starts_with("there is no module \"\";"));
        assert_eq!(
            hint("collect=runqueue"),
            "collect without brackets selects nothing; write collect[]=runqueue"
        );
        assert_eq!(
            hint("collect[]=tcp&exclude=x"),
            "exclude without brackets selects nothing; write exclude[]=x"
        );
    }

    proptest! {
        #[test]
        fn no_query_panics(query in "(?s).{0,100}", encoded in "(collect\\[\\]=[%0-9a-f+]{0,9}&?){0,4}") {
            let _ = parse(&query);
            let _ = parse(&encoded);
        }
    }
}
