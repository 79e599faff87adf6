/// What is escaped in label values, and in OpenMetrics' help texts.
pub(super) const QUOTED: &[u8] = b"\\\n\"";
/// What is escaped in Prometheus' help texts, where a quote is an ordinary character.
pub(super) const UNQUOTED: &[u8] = b"\\\n";

/// Appends text with a backslash before each of `special`, a line feed becoming `\n`.
pub(super) fn push(out: &mut Vec<u8>, text: &str, special: &[u8]) {
    let mut rest = text.as_bytes();
    while let Some(at) = rest.iter().position(|byte| special.contains(byte)) {
        let (plain, from) = rest.split_at(at);
        out.extend_from_slice(plain);
        out.push(b'\\');
        if let Some((&byte, after)) = from.split_first() {
            out.push(if byte == b'\n' { b'n' } else { byte });
            rest = after;
        }
    }
    out.extend_from_slice(rest);
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_format_names_is_escaped() {
        let escaped = |special| {
            let mut out = Vec::new();
            push(&mut out, "a\"b\\c\nd\té", special);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(escaped(QUOTED), "a\\\"b\\\\c\\nd\té");
        assert_eq!(escaped(UNQUOTED), "a\"b\\\\c\\nd\té");
    }
}
