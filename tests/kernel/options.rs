//! The options of modules change what is exported, and nothing of its truth.

use std::cell::RefCell;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use geophone_test_support::bracket::{Comparison, Reading, UNSEEN};
use geophone_test_support::exposition::Exposition;
use geophone_test_support::load::schedule::Competition;
use geophone_test_support::loop_device::LoopDevice;
use geophone_test_support::process::{run_to_end, unconfigured};
use geophone_test_support::scenario;

use crate::{BINARY, geophone, turn};

/// Not the sum of the waits: what a task waited on the queues it was moved from is known from
/// the second run that a daemon sees of it, and two daemons begin at different times.
const METRICS: [&str; 3] = [
    "geophone_runqueue_wait_seconds_count",
    "geophone_runqueue_context_switches_total",
    "geophone_runqueue_migrations_total",
];

#[test]
fn series_by_cpu_add_up_to_the_series_of_all() {
    let Some(_turn) = turn() else { return };
    let section = "[modules.runqueue]\nper_cpu = true\n";
    let split = geophone(&["runqueue"]).configuration(section);
    let split = split.start().unwrap();
    let summed = geophone(&["runqueue"]).start().unwrap();
    let mut client = split.client().unwrap();
    let other = RefCell::new(summed.client().unwrap());
    // Both see the same events: what one counts between two scrapes the other counts too.
    let read = || other.borrow_mut().metrics();
    let load = Competition::new(4, 2).unwrap();
    load.run(Duration::from_millis(300));
    let from = Reading::take(&mut client, read).unwrap();
    load.run(Duration::from_secs(1));
    drop(load);
    let to = Reading::take(&mut client, read).unwrap();
    for metric in METRICS {
        let of = |page: &Exposition| page.sum(metric, &[]);
        let both = Comparison::between(metric, "runqueue", (&from, &to), of, |earlier, later| {
            of(later).unwrap() - of(earlier).unwrap()
        })
        .unwrap();
        println!("{both}");
        both.equal(0.0).unwrap();
    }
    for cpu in geophone::kernel::cpus::possible().unwrap() {
        let cpu = cpu.to_string();
        for metric in METRICS {
            let mut of_all = to.page.select(metric, &[]);
            assert!(of_all.all(|sample| sample.label("cpu").is_some()));
            assert!(to.page.sum(metric, &[("cpu", &cpu)]).is_some(), "{metric}");
        }
    }
}

#[test]
fn without_the_split_block_requests_are_counted_as_before() {
    let Some(_turn) = turn() else { return };
    let device = LoopDevice::new(32 << 20).unwrap();
    let section = "[modules.block_io]\nsplit = false\n";
    let daemon = geophone(&["block_io"]).configuration(section);
    let daemon = daemon.start().unwrap();
    let mut client = daemon.client().unwrap();
    for outcome in scenario::block_io::compare(&mut client, &device.name(), 500).unwrap() {
        outcome.equal(UNSEEN).unwrap();
    }
    let page = client.metrics().unwrap();
    for metric in [
        "geophone_block_io_queue_seconds",
        "geophone_block_io_device_seconds",
    ] {
        assert!(
            page.select(&format!("{metric}_count"), &[])
                .next()
                .is_none()
        );
    }
    let map = [("map", "BLOCK_IO_SPLIT")];
    assert_eq!(page.sum("geophone_map_capacity", &map), Some(1.0));
    let issue = [("program", "block_rq_issue")];
    assert_eq!(page.sum("geophone_program_attached", &issue), None);
}

#[test]
fn every_schema_counts_the_same_in_coarser_buckets() {
    let Some(_turn) = turn() else { return };
    let device = LoopDevice::new(32 << 20).unwrap();
    for schema in 0..=3 {
        let section = format!("[modules.block_io]\nschema = {schema}\n");
        let daemon = geophone(&["block_io"]).configuration(&section);
        let daemon = daemon.start().unwrap();
        let mut client = daemon.client().unwrap();
        for outcome in scenario::block_io::compare(&mut client, &device.name(), 500).unwrap() {
            println!(
                "schema {schema}: {}; {}",
                outcome.requests, outcome.duration
            );
            outcome.equal(UNSEEN).unwrap();
            // The kernel stops its clock later, and keeps whole milliseconds.
            let (ours, kernel) = (outcome.duration.ours, outcome.duration.kernel.1);
            assert!(
                ours > kernel / 2.0 && ours < kernel + 2e-3,
                "{}",
                outcome.duration
            );
        }
        // All requests are of 16 KiB, which is an edge at every schema.
        let page = client.metrics().unwrap();
        let name = device.name();
        let of = |le: &str| {
            let labels = [("device", &*name), ("operation", "write"), ("le", le)];
            page.sum("geophone_block_io_size_bytes_bucket", &labels)
                .unwrap()
        };
        assert!(of("16384") - of("8192") >= 499.0, "schema {schema}");
        let (buckets, width) = collected(schema);
        assert!(
            buckets > 0 && width == schema,
            "{buckets} buckets of schema {width}"
        );
    }
}

/// Buckets in use and schema of the run queue's wait, by `geophone collect`.
fn collected(schema: u32) -> (usize, u32) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("geophone.toml");
    std::fs::write(&file, format!("[modules.runqueue]\nschema = {schema}\n")).unwrap();
    let ended = run_to_end(&mut collect(&file), Duration::from_secs(20)).unwrap();
    let start = ended.said.find('{').unwrap();
    let page: serde_json::Value = serde_json::from_str(&ended.said[start..]).unwrap();
    let families = page["families"].as_array().unwrap();
    let name = "geophone_runqueue_wait_seconds";
    let family = families
        .iter()
        .find(|family| family["name"] == name)
        .unwrap();
    let value = &family["series"][0]["value"];
    let buckets = value["buckets"].as_array().unwrap().len();
    (
        buckets,
        value["schema"].as_u64().unwrap().try_into().unwrap(),
    )
}

fn collect(file: &Path) -> Command {
    let mut command = unconfigured(BINARY);
    command.args(["collect", "--for", "200ms", "--format", "json"]);
    command.args([
        "--log.level",
        "error",
        "--module.disable-defaults",
        "--module.runqueue",
    ]);
    command.arg("--config.file").arg(file);
    command
}
