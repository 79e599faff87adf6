//! Waits for a CPU.

use std::time::Duration;

use anyhow::Result;
use geophone_test_support::client::Client;
use geophone_test_support::scenario::runqueue;

use super::join;

/// How long the scheduler's load works.
const SCHEDULE: Duration = Duration::from_secs(3);

pub fn machine(client: &mut Client) -> Result<String> {
    Ok(join(&runqueue::machine(client, SCHEDULE, 0.0)?))
}

pub fn groups(client: &mut Client) -> Result<String> {
    Ok(join(&runqueue::groups(client, SCHEDULE, 0.0)?))
}
