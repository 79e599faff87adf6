//! A strict reader of the text formats, written from their specifications.

use std::collections::{BTreeMap, HashSet};

#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    pub name: String,
    pub labels: BTreeMap<String, String>,
    pub value: f64,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Metadata {
    pub help: Option<String>,
    pub kind: Option<String>,
    pub unit: Option<String>,
}

#[derive(Debug, Default)]
pub struct Page {
    /// Families in the order in which their metadata came.
    pub families: Vec<(String, Metadata, Vec<Sample>)>,
}

impl Page {
    pub fn samples(&self) -> impl Iterator<Item = &Sample> {
        self.families.iter().flat_map(|(_, _, samples)| samples)
    }

    pub fn family(&self, name: &str) -> &(String, Metadata, Vec<Sample>) {
        self.families
            .iter()
            .find(|(n, _, _)| n == name)
            .expect(name)
    }
}

/// Reads Prometheus text, panicking on whatever the format does not allow.
pub fn read(text: &str) -> Page {
    let mut page = Page::default();
    let mut seen = HashSet::new();
    if text.is_empty() {
        return page;
    }
    for line in text
        .strip_suffix('\n')
        .expect("the last line ends")
        .split('\n')
    {
        assert!(!line.is_empty());
        if let Some(comment) = line.strip_prefix("# ") {
            let (what, rest) = comment.split_once(' ').expect(line);
            let (name, text) = rest.split_once(' ').expect(line);
            if page.families.last().is_none_or(|(last, _, _)| last != name) {
                assert!(
                    page.families.iter().all(|(n, _, _)| n != name),
                    "{name} comes twice"
                );
                page.families
                    .push((name.to_owned(), Metadata::default(), Vec::new()));
            }
            let (_, metadata, samples) = page.families.last_mut().unwrap();
            assert!(samples.is_empty(), "metadata after samples: {line}");
            let field = match what {
                "HELP" => &mut metadata.help,
                "TYPE" => &mut metadata.kind,
                "UNIT" => &mut metadata.unit,
                _ => panic!("{line}"),
            };
            assert!(
                field.replace(unescape(text)).is_none(),
                "{line} comes twice"
            );
            continue;
        }
        let sample = read_sample(line);
        let (name, metadata, samples) = page.families.last_mut().expect("metadata comes first");
        let suffix = sample
            .name
            .strip_prefix(name.as_str())
            .expect("families are contiguous");
        let suffixes: &[&str] = match metadata.kind.as_deref() {
            Some("histogram") => &["_bucket", "_sum", "_count"],
            // With the suffix in OpenMetrics, as a part of the name in Prometheus text.
            Some("counter") => &["_total", ""],
            Some("info") => &["_info"],
            _ => &[""],
        };
        assert!(suffixes.contains(&suffix), "{line}");
        assert!(
            seen.insert(format!("{} {:?}", sample.name, sample.labels)),
            "{line} comes twice"
        );
        samples.push(sample);
    }
    page
}

/// Reads OpenMetrics, which ends with a mark.
pub fn read_openmetrics(text: &str) -> Page {
    read(
        text.strip_suffix("# EOF\n")
            .expect("OpenMetrics ends with # EOF"),
    )
}

fn read_sample(line: &str) -> Sample {
    let at = line.find(['{', ' ']).expect(line);
    let (name, rest) = line.split_at(at);
    assert!(
        name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'),
        "{line}"
    );
    let mut labels = BTreeMap::new();
    let mut rest = rest;
    if let Some(after) = rest.strip_prefix("{}") {
        rest = after;
    } else if let Some(inner) = rest.strip_prefix('{') {
        rest = inner;
        loop {
            let (label, after) = rest.split_once("=\"").expect(line);
            let end = closing_quote(after).expect(line);
            let (value, after) = after.split_at(end);
            assert!(
                labels.insert(label.to_owned(), unescape(value)).is_none(),
                "{line}"
            );
            if let Some(more) = after.strip_prefix("\",") {
                rest = more;
                continue;
            }
            rest = after.strip_prefix("\"}").expect(line);
            break;
        }
    }
    let value = rest.strip_prefix(' ').expect(line);
    assert!(!value.contains(' '), "no timestamps: {line}");
    let value = match value {
        "+Inf" => f64::INFINITY,
        "-Inf" => f64::NEG_INFINITY,
        "NaN" => f64::NAN,
        number => number.parse().expect(line),
    };
    Sample {
        name: name.to_owned(),
        labels,
        value,
    }
}

fn closing_quote(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.char_indices().find_map(|(at, c)| {
        let closes = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        closes.then_some(at)
    })
}

fn unescape(text: &str) -> String {
    let mut plain = String::new();
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        plain.push(match c {
            '\\' => match characters.next() {
                Some('n') => '\n',
                Some(c @ ('\\' | '"')) => c,
                other => panic!("\\{other:?} in {text}"),
            },
            c => c,
        });
    }
    plain
}
