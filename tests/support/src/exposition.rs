//! Prometheus text format 0.0.4, read back.

use std::collections::BTreeMap;

use anyhow::{Context, Result};

/// The samples of one scrape.
#[derive(Debug, Clone, Default)]
pub struct Exposition {
    samples: Vec<Sample>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    pub name: String,
    pub labels: Vec<(String, String)>,
    pub value: f64,
    /// It is of a counter or of a histogram, and never falls.
    pub cumulative: bool,
}

impl Exposition {
    pub fn parse(text: &str) -> Result<Self> {
        let mut samples = Vec::new();
        let mut cumulative = false;
        for line in text.lines().filter(|line| !line.is_empty()) {
            if let Some(kind) = line.strip_prefix("# TYPE ") {
                cumulative = kind.ends_with(" counter") || kind.ends_with(" histogram");
            }
            if !line.starts_with('#') {
                let sample = sample(line, cumulative);
                samples.push(sample.with_context(|| format!("not a sample: {line}"))?);
            }
        }
        Ok(Self { samples })
    }

    pub fn samples(&self) -> &[Sample] {
        &self.samples
    }

    /// How many samples the page has.
    pub fn len(&self) -> usize {
        self.samples.len()
    }

    pub fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }

    /// The state of each module of a daemon.
    pub fn module_states(&self) -> BTreeMap<&str, &str> {
        let states = self.select("geophone_module_state", &[]);
        states
            .filter(|sample| sample.value > 0.0)
            .filter_map(|sample| Some((sample.label("module")?, sample.label("state")?)))
            .collect()
    }

    /// The samples called `name` that carry all of `labels`.
    pub fn select<'a>(
        &'a self,
        name: &'a str,
        labels: &'a [(&'a str, &'a str)],
    ) -> impl Iterator<Item = &'a Sample> {
        self.samples.iter().filter(move |sample| {
            sample.name == name
                && labels
                    .iter()
                    .all(|(label, value)| sample.label(label) == Some(value))
        })
    }

    /// The sum over the selected samples; `None` when there are none, for an absent
    /// series is not a zero.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let mut selected = self
            .select(name, labels)
            .map(|sample| sample.value)
            .peekable();
        selected.peek()?;
        Some(selected.sum())
    }
}

impl Sample {
    pub fn label(&self, name: &str) -> Option<&str> {
        self.labels
            .iter()
            .find(|(label, _)| label == name)
            .map(|(_, value)| value.as_str())
    }
}

/// A line of a family that is `cumulative` or not.
fn sample(line: &str, cumulative: bool) -> Option<Sample> {
    let end = line.find(['{', ' '])?;
    let (name, mut rest) = line.split_at(end);
    let mut labels = Vec::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside;
        loop {
            rest = rest.trim_start_matches([',', ' ']);
            if let Some(after) = rest.strip_prefix('}') {
                rest = after;
                break;
            }
            let (label, quoted) = rest.split_once("=\"")?;
            let (value, after) = unquote(quoted)?;
            labels.push((label.to_owned(), value));
            rest = after;
        }
    }
    let value = rest.split_whitespace().next()?.parse().ok()?;
    Some(Sample {
        name: name.to_owned(),
        labels,
        value,
        cumulative,
    })
}

/// The text up to the closing quote, unescaped, and what follows the quote.
fn unquote(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => match characters.next()?.1 {
                'n' => value.push('\n'),
                other => value.push(other),
            },
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const PAGE: &str = "# TYPE a counter\n\
        a{x=\"1\",y=\"q\\\"}\\\\\"} 3\n\
        a{x=\"2\",y=\"\"} 4.5\n\
        # TYPE b gauge\n\
        b 1e3\n\
        # TYPE c histogram\n\
        c_bucket{le=\"+Inf\"} +Inf\n";

    #[test]
    fn samples_are_read_with_their_labels() {
        let page = Exposition::parse(PAGE).unwrap();
        assert_eq!(page.sum("a", &[]), Some(7.5));
        assert_eq!(page.sum("a", &[("y", "q\"}\\")]), Some(3.0));
        assert_eq!(page.sum("b", &[]), Some(1000.0));
        assert_eq!(page.sum("c_bucket", &[("le", "+Inf")]), Some(f64::INFINITY));
    }

    #[test]
    fn what_never_falls_is_told_by_its_type() {
        let page = Exposition::parse(PAGE).unwrap();
        let cumulative = page.samples().iter().filter(|sample| sample.cumulative);
        let names: Vec<&str> = cumulative.map(|sample| sample.name.as_str()).collect();
        assert_eq!(names, ["a", "a", "c_bucket"]);
    }

    #[test]
    fn an_absent_series_is_not_zero() {
        let page = Exposition::parse(PAGE).unwrap();
        assert_eq!(page.sum("a", &[("x", "3")]), None);
    }

    #[test]
    fn what_is_not_a_sample_is_an_error() {
        for line in ["a{x=\"1\" 2", "a", "a{x=\"1\"}", "a nought"] {
            assert!(Exposition::parse(line).is_err(), "{line}");
        }
    }
}
