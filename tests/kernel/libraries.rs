//! Calls of libraries beside the CUDA driver, made to stubs that have their names.

mod cudart;
mod hip;
mod nccl;
mod processes;

use std::time::Duration;

use geophone_test_support::client::Client;
use geophone_test_support::exposition::Exposition;
use geophone_test_support::stub::Caller;
use geophone_test_support::wait;

const PATIENCE: Duration = Duration::from_secs(20);

/// Waits until the caller has series of its own.
fn until_known(client: &mut Client, module: &str) {
    let metric = format!("geophone_{module}_calls_total");
    let labels = [("workload", Caller::COMMAND)];
    wait::until("series of the caller", PATIENCE, || {
        let page = client.metrics()?;
        Ok(page.sum(&metric, &labels).map(|_| ()))
    })
    .unwrap();
}

/// Metric, label, value, and what it must be.
type Expected = (&'static str, &'static str, &'static str, u64);

/// Asserts that the caller's metrics of a module are these, and that nothing is lost.
fn assert_all(page: &Exposition, module: &str, expected: &[Expected]) {
    for (metric, label, value, count) in expected {
        let name = format!("geophone_{module}_{metric}");
        let labels = [("workload", Caller::COMMAND), (*label, *value)];
        // Counts of calls and bytes.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let found = page.sum(&name, &labels).map(|value| value as u64);
        assert_eq!(found, Some(*count), "{metric} of {value}");
    }
    for lost in ["unmatched_returns", "untracked_calls", "abandoned_calls"] {
        let lost = page.sum(&format!("geophone_{module}_{lost}_total"), &[]);
        assert!(lost.unwrap() < 0.5, "{lost:?}");
    }
}
