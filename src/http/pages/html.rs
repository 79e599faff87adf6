use std::fmt;

/// Text that HTML shows as it is, within elements and quoted attributes.
pub(super) struct Escaped<'a>(pub(super) &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in self.0.split_inclusive(['&', '<', '>', '"', '\'']) {
            let mut characters = part.chars();
            let replacement = match characters.next_back() {
                Some('&') => "&amp;",
                Some('<') => "&lt;",
                Some('>') => "&gt;",
                Some('"') => "&quot;",
                Some('\'') => "&#39;",
                _ => {
                    f.write_str(part)?;
                    continue;
                }
            };
            f.write_str(characters.as_str())?;
            f.write_str(replacement)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_becomes_text() {
        assert_eq!(
            Escaped("a<b a='\"'>&é</b>&").to_string(),
            "a&lt;b a=&#39;&quot;&#39;&gt;&amp;é&lt;/b&gt;&amp;"
        );
        assert_eq!(Escaped("").to_string(), "");
    }
}
