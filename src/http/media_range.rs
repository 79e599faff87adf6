//! The shared grammar of `Accept` and `Accept-Encoding`: a list of names with parameters
//! and weights. Reads anything, because a scrape must not fail for a header's sake.

/// Weights as thousandths, the precision that HTTP gives them.
pub(super) type Quality = u16;

/// One element of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MediaRange {
    /// In lower case, such as `text/plain` or `gzip`.
    pub(super) name: String,
    /// Names in lower case, values without quotes; `q` is not among them.
    parameters: Vec<(String, String)>,
    pub(super) quality: Quality,
}

impl MediaRange {
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, value)| value.as_str())
    }

    fn parse(text: &str) -> Option<Self> {
        let mut parts = split(text, ';');
        let name = parts.next()?.trim().to_ascii_lowercase();
        let mut range = Self {
            name,
            parameters: Vec::new(),
            quality: 1000,
        };
        for part in parts {
            let Some((name, value)) = part.split_once('=') else {
                continue;
            };
            let name = name.trim().to_ascii_lowercase();
            let value = unquote(value.trim());
            if name == "q" {
                range.quality = parse_quality(&value)?;
            } else {
                range.parameters.push((name, value));
            }
        }
        (!range.name.is_empty()).then_some(range)
    }
}

/// The elements that can be understood, in their order.
pub(super) fn parse_list(header: &str) -> impl Iterator<Item = MediaRange> {
    split(header, ',').filter_map(MediaRange::parse)
}

/// None for a weight that is none: such an element is not understood.
fn parse_quality(text: &str) -> Option<Quality> {
    let value: f64 = text.parse().ok()?;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    (0.0..=1.0)
        .contains(&value)
        .then(|| (value * 1000.0).round() as Quality)
}

/// Splits at a separator that is not within quotes.
fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    let mut escaped = false;
    text.split(move |c| {
        if escaped {
            escaped = false;
        } else if quoted && c == '\\' {
            escaped = true;
        } else if c == '"' {
            quoted = !quoted;
        }
        c == separator && !quoted
    })
}

fn unquote(value: &str) -> String {
    let Some(inner) = value.strip_prefix('"').and_then(|v| v.strip_suffix('"')) else {
        return value.to_owned();
    };
    let mut text = String::with_capacity(inner.len());
    let mut characters = inner.chars();
    while let Some(c) = characters.next() {
        text.extend(if c == '\\' {
            characters.next()
        } else {
            Some(c)
        });
    }
    text
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_parameters_and_weights_are_read() {
        let ranges: Vec<_> =
            parse_list("Text/Plain; Version=\"0.0.4\";q=0.5, gzip ;Q=1,x;a=\"b,;\\\"c\"").collect();
        assert_eq!(ranges.len(), 3);
        assert_eq!(ranges[0].name, "text/plain");
        assert_eq!(ranges[0].parameter("version"), Some("0.0.4"));
        assert_eq!(ranges[0].quality, 500);
        assert_eq!((ranges[1].name.as_str(), ranges[1].quality), ("gzip", 1000));
        assert_eq!(ranges[2].parameter("a"), Some("b,;\"c"));
    }

    #[test]
    fn elements_without_name_or_with_a_false_weight_are_passed_over() {
        for header in [
            "",
            ",,",
            ";q=1",
            "gzip;q=2",
            "gzip;q=-0.1",
            "gzip;q=",
            "gzip;q=NaN",
        ] {
            assert_eq!(parse_list(header).count(), 0, "{header}");
        }
    }

    proptest! {
        #[test]
        fn anything_can_be_read(header in "(?s).{0,200}") {
            for range in parse_list(&header) {
                prop_assert!(range.quality <= 1000);
                prop_assert!(!range.name.is_empty());
            }
        }

        #[test]
        fn anything_like_a_header_can_be_read(header in "[a-z*/;,=\"\\\\q01. ]{0,80}") {
            prop_assert!(parse_list(&header).count() <= header.len());
        }
    }
}
