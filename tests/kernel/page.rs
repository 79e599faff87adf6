//! The page as a whole: what holds for every metric on it.

use std::collections::HashMap;

use geophone_test_support::client::Client;
use geophone_test_support::daemon::Options;
use geophone_test_support::load::disk::write_and_read;
use geophone_test_support::loop_device::LoopDevice;
use geophone_test_support::promtool::Promtool;

use crate::{BINARY, turn};

/// Every option that adds series.
const ALL: &str = "[modules.runqueue]\nper_cpu = true\nper_cgroup = true\n\
                   [modules.block_io]\npartitions = true\n";

fn page(client: &mut Client) -> String {
    let response = client.get("/metrics", "").unwrap();
    assert_eq!(response.status, 200);
    String::from_utf8(response.body).unwrap()
}

/// Counters and the parts of histograms, by series.
fn growing(page: &str) -> HashMap<&str, f64> {
    let ends = ["_total", "_count", "_sum", "_bucket"];
    let lines = page.lines().filter(|line| !line.starts_with('#'));
    let samples = lines.filter_map(|line| line.rsplit_once(' '));
    let growing = samples.filter(|(series, _)| {
        let name = series.split('{').next().unwrap_or_default();
        ends.iter().any(|end| name.ends_with(end))
    });
    growing
        .map(|(series, value)| (series, value.parse().unwrap()))
        .collect()
}

#[test]
fn nothing_that_grows_ever_shrinks() {
    let Some(_turn) = turn() else { return };
    let device = LoopDevice::new(8 << 20).unwrap();
    let daemon = Options::new(BINARY).configuration(ALL).start().unwrap();
    let mut clients = [daemon.client().unwrap(), daemon.client().unwrap()];
    let mut last = page(&mut clients[0]);
    for round in 0..60 {
        write_and_read(&device.path(), 20, 16 << 10, 2).unwrap();
        let page = page(&mut clients[round % 2]);
        let now = growing(&page);
        for (series, value) in growing(&last) {
            // A CPU hotplugged, a cgroup gone: then the series is gone as a whole.
            if let Some(now) = now.get(series) {
                assert!(*now >= value, "{series}: {now} after {value}");
            }
        }
        last = page;
    }
}

#[test]
fn promtool_has_nothing_to_say() {
    let Some(_turn) = turn() else { return };
    let Some(promtool) = Promtool::find() else {
        return;
    };
    for configuration in ["", ALL] {
        let options = Options::new(BINARY).configuration(configuration);
        let daemon = options.start().unwrap();
        let page = page(&mut daemon.client().unwrap());
        promtool.check(page.as_bytes()).unwrap();
    }
}
