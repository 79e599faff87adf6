use geophone::document::{Origin, Problem};

/// A mistake is of use only to who is told what it is, and where.
pub fn check(mistakes: &[Problem]) {
    for Problem { origin, message } in mistakes {
        assert!(!message.trim().is_empty(), "a mistake without a word");
        match origin {
            Origin::File { file, line, column } => {
                assert!(!file.is_empty() && *line > 0 && *column > 0, "{origin}");
            }
            Origin::Default => panic!("a mistake without a place: {message}"),
            Origin::Path(name) => assert!(!name.is_empty(), "{message}"),
            Origin::Variable(name) | Origin::Flag(name) => assert!(!name.is_empty(), "{message}"),
        }
    }
}

/// The same of one text, whose mistakes are all in it.
pub fn check_text(mistakes: &[Problem], text: &str) {
    assert!(!mistakes.is_empty(), "refused, and nothing is wrong");
    check(mistakes);
    let lines = text.split('\n').count();
    for Problem { origin, .. } in mistakes {
        match origin {
            Origin::File { line, .. } => assert!(*line <= lines, "{origin} of {lines} lines"),
            _ => panic!("{origin} is not in the text"),
        }
    }
}
