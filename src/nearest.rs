//! One rule for every "did you mean".

/// The known name that was most likely meant, if any is close enough to suggest.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = name.to_lowercase();
    let length = wanted.chars().count();
    known
        .into_iter()
        // Who has less than half or more than twice the letters is another word, and comparing takes
        // time for each pair of letters, of which a name may have any number.
        .filter(|candidate| {
            let other = candidate.chars().count();
            length.min(other) >= length.max(other) / 2
        })
        .map(|candidate| {
            (
                strsim::normalized_damerau_levenshtein(&wanted, &candidate.to_lowercase()),
                candidate,
            )
        })
        // Half the letters right is a typo; less is another word.
        .filter(|(similarity, _)| *similarity >= 0.5)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

/// ` (did you mean "…"?)` for the nearest known name, or nothing.
pub fn did_you_mean<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(name, known).map_or_else(String::new, |found| format!(" (did you mean \"{found}\"?)"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_the_letters_must_be_right() {
        assert_eq!(nearest("blockio", ["tcp", "block_io"]), Some("block_io"));
        assert_eq!(nearest("TCP", ["tcp", "block_io"]), Some("tcp"));
        assert_eq!(nearest("gpu", ["tcp", "block_io"]), None);
        assert_eq!(nearest("tc", ["tcp_io"]), None);
        assert_eq!(nearest("tcp", ["tcp_io"]), Some("tcp_io"));
    }
}
