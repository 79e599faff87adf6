//! The command line: what may be written, what was meant, and what the commands that only
//! print have to say.

mod command;
mod help;
mod module_flags;
mod output;
mod parse;
pub mod render;
mod version;

pub use output::{complain, print};
pub use parse::parse;

use std::time::Duration;

use crate::config::Overrides;

/// Exit status when all went well.
pub const EXIT_OK: u8 = 0;
/// Exit status when something failed while running.
pub const EXIT_FAILURE: u8 = 1;
/// Exit status for mistakes in the configuration or on the command line.
pub const EXIT_USAGE: u8 = 2;

/// What the user asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invocation {
    pub command: Command,
    pub overrides: Overrides,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Attach the modules and serve.
    Run,
    /// Check configuration and modules.
    Check,
    /// Say what the machine allows.
    Doctor { format: DoctorFormat },
    /// Describe the modules, or the one that is named.
    Modules {
        name: Option<String>,
        format: ModulesFormat,
    },
    /// Attach, wait, sweep once, print and leave.
    Collect {
        duration: Duration,
        format: CollectFormat,
        /// Whether the kernel measures the programs' run time meanwhile.
        run_statistics: bool,
    },
    /// Print this on standard output, and exit with [`EXIT_OK`]: help or the version.
    Print(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DoctorFormat {
    Text,
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModulesFormat {
    Text,
    Json,
    Markdown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CollectFormat {
    /// Prometheus' text format 0.0.4.
    Text,
    OpenMetrics,
    Json,
}

/// A command line that means nothing. The text is complete: cause, remedy and usage.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UsageError(String);

impl UsageError {
    fn new(what: &str) -> Self {
        Self(format!(
            "error: {what}\n\nFor more information, try '--help'.\n"
        ))
    }

    fn repeated(flag: &str) -> Self {
        Self::new(&format!("--{flag} cannot be used multiple times; keep one"))
    }
}

#[cfg(test)]
mod tests;
