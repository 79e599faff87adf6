//! The commands that need neither privileges nor the kernel, as a user meets them.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use geophone_test_support::process::{Ended, run_to_end, unconfigured};

const BINARY: &str = env!("CARGO_BIN_EXE_geophone");
const LIMIT: Duration = Duration::from_secs(20);

fn geophone(arguments: &[&str]) -> Ended {
    run_to_end(unconfigured(BINARY).args(arguments), LIMIT).unwrap()
}

#[test]
fn an_unknown_module_is_answered_with_the_nearest() {
    let Ended { status, said } = geophone(&["modules", "tpc"]);
    assert_eq!(status.code(), Some(2), "{said}");
    assert!(
        said.starts_with(
            "geophone: there is no module \"tpc\" (did you mean \"tcp\"?); there are runqueue, "
        ),
        "{said}"
    );
}
