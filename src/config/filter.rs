use std::fmt;

use regex_lite::Regex;

/// A regular expression that must match a whole label value.
#[derive(Clone)]
pub struct Pattern {
    text: String,
    regex: Regex,
}

impl Pattern {
    /// Anchors the expression at both ends, as Prometheus does.
    pub fn new(text: &str) -> Result<Self, regex_lite::Error> {
        // Alone first: `)(` would become valid between the anchors.
        Regex::new(text)?;
        let regex = Regex::new(&format!("^(?:{text})$"))?;
        Ok(Self {
            text: text.to_owned(),
            regex,
        })
    }

    pub fn matches(&self, value: &str) -> bool {
        self.regex.is_match(value)
    }

    /// The expression as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Pattern({:?})", self.text)
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

/// Which discovered values of a label get series of their own.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    All,
    Include(Pattern),
    Exclude(Pattern),
}

impl Filter {
    pub fn admits(&self, value: &str) -> bool {
        match self {
            Self::All => true,
            Self::Include(pattern) => pattern.matches(value),
            Self::Exclude(pattern) => !pattern.matches(value),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_values() {
        let pattern = Pattern::new("sd|nvme\\d").unwrap();
        assert!(pattern.matches("sd") && pattern.matches("nvme0"));
        assert!(!pattern.matches("sda") && !pattern.matches("xsd"));
        assert!(Pattern::new("^(ram|sr)\\d+$").unwrap().matches("ram12"));
        assert!(Pattern::new(")(").is_err());
        assert!(Filter::Exclude(pattern.clone()).admits("sda"));
        assert!(!Filter::Include(pattern).admits("sda"));
    }
}
