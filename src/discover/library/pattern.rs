use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// Longest name of a file (`NAME_MAX`), and so of a pattern.
const NAME_MAX: usize = 255;

/// Names of files of one library, such as `libcuda.so.*`: a `*` stands for any number of
/// bytes, everything else for itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(Box<str>);

#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{pattern:?} cannot be the name of a file: {why}; give a name such as \"libcuda.so.*\"")]
pub struct PatternError {
    pattern: String,
    why: &'static str,
}

impl FromStr for Pattern {
    type Err = PatternError;

    fn from_str(pattern: &str) -> Result<Self, PatternError> {
        let why = if pattern.is_empty() {
            "it is empty"
        } else if pattern.contains('/') {
            "it has a directory"
        } else if pattern.contains('\0') {
            "it has a NUL"
        } else if pattern.bytes().all(|byte| byte == b'*') {
            "every file has such a name"
        } else if pattern.len() > NAME_MAX {
            "it is longer than 255 bytes"
        } else {
            return Ok(Self(pattern.into()));
        };
        Err(PatternError {
            pattern: pattern.to_owned(),
            why,
        })
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl Pattern {
    /// Whether a file of this name is meant, whatever its bytes.
    pub fn matches(&self, name: &[u8]) -> bool {
        let Some((first, rest)) = self.0.split_once('*') else {
            return self.0.as_bytes() == name;
        };
        let Some(mut name) = name.strip_prefix(first.as_bytes()) else {
            return false;
        };
        // The leftmost place for each piece leaves most to those after it.
        let mut pieces = rest.split('*');
        let last = pieces.next_back().unwrap_or_default().as_bytes();
        for piece in pieces {
            let Some(end) = end_of(piece.as_bytes(), name) else {
                return false;
            };
            name = name.get(end..).unwrap_or_default();
        }
        name.ends_with(last)
    }
}

/// Where the first occurrence of `piece` in `name` ends.
fn end_of(piece: &[u8], name: &[u8]) -> Option<usize> {
    if piece.is_empty() {
        return Some(0);
    }
    let start = name
        .windows(piece.len())
        .position(|window| window == piece)?;
    Some(start + piece.len())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matches(pattern: &str, name: &str) -> bool {
        pattern.parse::<Pattern>().unwrap().matches(name.as_bytes())
    }

    #[test]
    fn a_version_is_left_open() {
        assert!(matches("libcuda.so.*", "libcuda.so.1"));
        assert!(matches("libcuda.so.*", "libcuda.so.535.261.03"));
        assert!(!matches("libcuda.so.*", "libcuda.so"));
        assert!(!matches("libcuda.so.*", "libcudart.so.12"));
        assert!(!matches("libcuda.so.*", "xlibcuda.so.1"));
        assert!(matches("libcuda.so", "libcuda.so"));
        assert!(!matches("libcuda.so", "libcuda.so.1"));
    }

    #[test]
    fn names_that_wheels_give_are_found() {
        assert!(matches("libcudart*.so*", "libcudart-d0da41ae.so.11.0"));
        assert!(matches("libcudart*.so*", "libcudart.so"));
        assert!(!matches("libcudart*.so*", "libcudart-d0da41ae.a"));
    }

    #[test]
    fn pieces_do_not_overlap() {
        assert!(!matches("ab*ba", "aba"));
        assert!(matches("ab*ba", "abba"));
        assert!(matches("a*b*b", "abb"));
        assert!(!matches("a*b*b", "ab"));
    }

    #[test]
    fn what_names_no_library_is_refused() {
        for (pattern, why) in [
            ("", "empty"),
            ("lib/libcuda.so", "directory"),
            ("**", "every file"),
            ("a\0b", "NUL"),
        ] {
            let error = pattern.parse::<Pattern>().unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
        assert!("x".repeat(256).parse::<Pattern>().is_err());
    }

    /// The definition, slow and plain.
    fn by_definition(pattern: &[u8], name: &[u8]) -> bool {
        match pattern.split_first() {
            None => name.is_empty(),
            Some((b'*', rest)) => {
                (0..=name.len()).any(|skipped| by_definition(rest, &name[skipped..]))
            }
            Some((byte, rest)) => name.first() == Some(byte) && by_definition(rest, &name[1..]),
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_definition(pattern in "[ab*]{1,6}", name in "[ab]{0,8}") {
            if let Ok(parsed) = pattern.parse::<Pattern>() {
                let expected = by_definition(pattern.as_bytes(), name.as_bytes());
                prop_assert_eq!(parsed.matches(name.as_bytes()), expected);
            }
        }
    }
}
