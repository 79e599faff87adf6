use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;

/// Where a setting was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A place in a file. Line and column count from 1; columns are characters.
    File {
        file: Arc<str>,
        line: usize,
        column: usize,
    },
    /// A file or directory as a whole.
    Path(Arc<str>),
    /// An environment variable, by name.
    Variable(String),
    /// A command-line flag, with its dashes.
    Flag(String),
    /// Nobody wrote it.
    Default,
}

impl Origin {
    /// Whether values from here arrive as plain text, without TOML's types.
    pub fn is_text(&self) -> bool {
        matches!(self, Self::Variable(_) | Self::Flag(_))
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { file, line, column } => write!(out, "{file}:{line}:{column}"),
            Self::Path(text) => out.write_str(text),
            Self::Variable(name) => write!(out, "environment variable {name}"),
            Self::Flag(name) => write!(out, "flag {name}"),
            Self::Default => out.write_str("default"),
        }
    }
}

/// One mistake in a manifest or in the configuration: where, what, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{origin}: {message}")]
pub struct Problem {
    pub origin: Origin,
    pub message: String,
}

/// Collects every [`Problem`] of a run of checks, so that none hides another.
#[derive(Debug, Default)]
pub struct Problems(RefCell<Vec<Problem>>);

impl Problems {
    pub fn add(&self, origin: &Origin, message: impl Into<String>) {
        self.0.borrow_mut().push(Problem {
            origin: origin.clone(),
            message: message.into(),
        });
    }

    pub fn extend(&self, problems: Vec<Problem>) {
        self.0.borrow_mut().extend(problems);
    }

    pub fn is_empty(&self) -> bool {
        self.0.borrow().is_empty()
    }

    /// The problems in the order of their places: those of one file by line and column, the
    /// rest as they were found.
    pub fn into_sorted(self) -> Vec<Problem> {
        let mut problems = self.0.into_inner();
        problems.sort_by_key(|problem| match &problem.origin {
            Origin::File { file, line, column } => (Some(file.clone()), *line, *column),
            _ => (None, 0, 0),
        });
        problems.dedup();
        problems
    }
}
