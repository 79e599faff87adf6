//! The inside of a machine of `vm-test`: its first process, and its tests.

mod attachments;
mod boot;
mod checks;
mod drivers;
pub mod report;

use anyhow::Result;

/// As the first process: sets the machine up, runs the tests in a process of their own,
/// and switches it off whatever happens. As any other: the tests.
pub fn run() -> Result<()> {
    if std::process::id() == 1 {
        boot::run()
    } else {
        checks::run()
    }
}
