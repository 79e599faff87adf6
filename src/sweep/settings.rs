use std::collections::BTreeMap;

use regex_lite::Regex;

/// What the configuration says of one module, resolved: every option has its value.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Buckets per octave as a power of two, 0 to 3.
    pub schema: u32,
    /// Series a metric may have.
    pub max_series: u32,
    /// Value of every option; 0 or 1 where it is a truth value.
    pub options: BTreeMap<String, u64>,
    /// Patterns by label, which match the whole text.
    pub filters: BTreeMap<String, Filter>,
    /// Takes this alternative of every program. For tests of the fall-backs.
    pub force_alternative: Option<usize>,
}

/// Which values of a label get series of their own; the others are in `other`.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    pub include: Option<Regex>,
    pub exclude: Option<Regex>,
}

impl Settings {
    /// Whether what depends on option `when` is wanted.
    pub fn wants(&self, when: Option<&str>) -> bool {
        when.is_none_or(|option| self.option(option) != 0)
    }

    pub fn option(&self, name: &str) -> u64 {
        self.options.get(name).copied().unwrap_or(0)
    }
}

impl Filter {
    pub fn admits(&self, text: &str) -> bool {
        self.include.as_ref().is_none_or(|include| include.is_match(text))
            && self.exclude.as_ref().is_none_or(|exclude| !exclude.is_match(text))
    }
}
