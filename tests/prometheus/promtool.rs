use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::Arc;

use geophone::export::prometheus::{Exposition, Format, encode};
use geophone::http::Counters;
use geophone::snapshot::Family;
use geophone_test_support::tool;

use crate::sample;

#[test]
fn promtool_has_nothing_to_say() {
    let Some(promtool) = tool::promtool() else {
        return;
    };
    let mut families = sample::families(20_000);
    families.extend(Counters::default().families());
    for classic_buckets in [true, false] {
        let page = page(&families, classic_buckets);
        let mut child = Command::new(&promtool)
            .args(["check", "metrics"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(&page).unwrap();
        let output = child.wait_with_output().unwrap();
        let said =
            String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.is_empty(), "{said}");
    }
}

fn page(families: &[Arc<Family>], classic_buckets: bool) -> Vec<u8> {
    encode(Format::Text004, families, &Exposition { classic_buckets }).unwrap()
}
