use std::fs::OpenOptions;
use std::io::Write as _;

use geophone_test_support::bracket::UNSEEN;
use geophone_test_support::load::disk::{submit_together, write_and_read};
use geophone_test_support::loop_device::LoopDevice;
use geophone_test_support::maps;
use geophone_test_support::requirement::Requirement;
use geophone_test_support::scenario::block_errors::full_disk;
use geophone_test_support::scenario::block_io::{compare, until_exported, until_gone};

use crate::{geophone, turn};

/// The kernel stops its clock when it has woken up whoever waited, some microseconds after
/// the tracepoint.
const DURATION_SHARE: f64 = 0.1;
const COUNT: &str = "geophone_block_io_duration_seconds_count";

#[test]
fn requests_bytes_and_durations_agree_with_diskstats() {
    let Some(_turn) = turn() else { return };
    let device = LoopDevice::new(32 << 20).unwrap();
    let daemon = geophone(&["block_io"]).start().unwrap();
    let outcomes = compare(&mut daemon.client().unwrap(), &device.name(), 2000).unwrap();
    for outcome in outcomes {
        println!(
            "{}\n{}\n{}",
            outcome.requests, outcome.bytes, outcome.duration
        );
        outcome.equal(UNSEEN).unwrap();
        outcome.duration.within(DURATION_SHARE).unwrap();
    }
}

#[test]
fn series_go_with_their_device_and_come_with_it() {
    let Some(_turn) = turn() else { return };
    let daemon = geophone(&["block_io"]).start().unwrap();
    let mut client = daemon.client().unwrap();
    // Plugged in while the daemon runs.
    let mut device = LoopDevice::new(32 << 20).unwrap();
    let name = device.name();
    until_exported(&mut client, &name).unwrap();

    device.disappear().unwrap();
    until_gone(&mut client, &name).unwrap();

    device.come_back().unwrap();
    until_exported(&mut client, &name).unwrap();
    let outcomes = compare(&mut client, &name, 100).unwrap();
    for outcome in outcomes {
        outcome.equal(UNSEEN).unwrap();
    }
}

#[test]
fn operations_of_a_device_are_there_before_their_first_request() {
    let Some(_turn) = turn() else { return };
    let device = LoopDevice::new(32 << 20).unwrap();
    let daemon = geophone(&["block_io"]).start().unwrap();
    let mut client = daemon.client().unwrap();
    until_exported(&mut client, &device.name()).unwrap();
    let page = client.metrics().unwrap();
    for operation in ["read", "write", "discard", "flush", "other"] {
        let labels = [
            ("device", device.name()),
            ("operation", operation.to_owned()),
        ];
        let labels = labels
            .each_ref()
            .map(|(label, value)| (*label, value.as_str()));
        assert!(page.sum(COUNT, &labels).is_some(), "{operation}");
    }
}

/// Who asks for a flush alone waits in a write without bytes that is never issued, with a flush
/// of the device behind it. It is the flush that counts, and the parts of every request must
/// still fit its whole.
#[test]
fn flushes_disturb_neither_sizes_nor_the_split() {
    const WRITES: usize = 50;
    const BLOCK: usize = 4096;
    let Some(_turn) = turn() else { return };
    let device = LoopDevice::new(32 << 20).unwrap();
    let daemon = geophone(&["block_io"]).start().unwrap();
    let mut client = daemon.client().unwrap();
    let name = device.name();
    until_exported(&mut client, &name).unwrap();

    let mut file = OpenOptions::new().write(true).open(device.path()).unwrap();
    for _ in 0..WRITES {
        file.write_all(&[1; BLOCK]).unwrap();
        file.sync_data().unwrap();
    }
    let page = client.metrics().unwrap();
    let value = |metric: &str, operation: &str| {
        let labels = [("device", name.as_str()), ("operation", operation)];
        page.sum(&format!("geophone_block_io_{metric}"), &labels)
            .unwrap()
    };
    assert!(value("duration_seconds_count", "flush") >= WRITES as f64);
    for operation in ["read", "write", "flush"] {
        let split = value("device_seconds_count", operation) + value("unsplit_total", operation);
        let requests = value("duration_seconds_count", operation);
        assert!(
            (split - requests).abs() < 0.5,
            "{operation}: {split} of {requests}"
        );
        let parts = value("queue_seconds_sum", operation) + value("device_seconds_sum", operation);
        let whole = value("duration_seconds_sum", operation);
        assert!(
            parts <= whole * 1.001 + 1e-6,
            "{operation}: {parts} s in {whole} s"
        );
    }
    let written = value("size_bytes_sum", "write");
    assert!(((WRITES * BLOCK) as f64 - written).abs() < 0.5, "{written}");
    let sized = value("size_bytes_count", "write");
    assert!(
        sized > 0.0 && written / sized >= 512.0,
        "{sized} writes with data"
    );
    let writes = value("duration_seconds_count", "write");
    assert!(
        (writes - sized).abs() < 0.5,
        "{writes} writes, {sized} of them with data"
    );
}

/// One request at a time waits in no plug, so that the kernel's stamps are right: what is
/// remembered must say the same.
#[test]
fn remembered_times_of_issue_agree_with_the_kernels_stamps() {
    const DISTRUST: u64 = 2;
    const TRUST: u64 = 3;
    const REQUESTS: usize = 2000;
    let Some(_turn) = turn() else { return };
    let device = LoopDevice::new(64 << 20).unwrap();
    let name = device.name();
    let [stamps, memory] = [(), ()].map(|()| geophone(&["block_io"]).start().unwrap());
    maps::set_word(stamps.id(), "BLOCK_IO_UNSTAMPED", TRUST).unwrap();
    maps::set_word(memory.id(), "BLOCK_IO_UNSTAMPED", DISTRUST).unwrap();
    let mut clients = [&stamps, &memory].map(|daemon| daemon.client().unwrap());
    for client in &mut clients {
        until_exported(client, &name).unwrap();
    }
    write_and_read(&device.path(), REQUESTS, 16 << 10, 4).unwrap();

    let pages = clients.map(|mut client| client.metrics().unwrap());
    for operation in ["read", "write"] {
        let labels = [("device", name.as_str()), ("operation", operation)];
        let values = |metric: &str| {
            let metric = format!("geophone_block_io_{metric}");
            pages
                .each_ref()
                .map(|page| page.sum(&metric, &labels).unwrap())
        };
        let [stamped, remembered] = values("device_seconds_count");
        // What is unseen as it is issued is unsplit, and only where it has to be remembered.
        let unseen = UNSEEN * REQUESTS as f64;
        assert!(stamped >= REQUESTS as f64 - unseen, "{stamped} requests");
        let [known, forgotten] = values("unsplit_total");
        assert!(
            known < 0.5 && forgotten <= unseen,
            "{operation}: {known} and {forgotten} unsplit"
        );
        assert!(
            (stamped - remembered - forgotten).abs() < 0.5,
            "{operation}: {remembered} of {stamped}"
        );
        // The kernel reads its clock a little after the tracepoint of the issue, and one daemon
        // its own a little after the other when the request completes.
        let [stamped, remembered] = values("device_seconds_sum");
        assert!(
            (remembered / stamped - 1.0).abs() < 0.1,
            "{operation}: {remembered} s instead of {stamped} s"
        );
    }
}

/// Requests that are submitted together wait in the plug for the last of them, and that is
/// time in the queue. Since 6.9 the kernel's own stamps do not show it.
#[test]
fn waiting_in_a_plug_is_time_in_the_queue() {
    const TOGETHER: usize = 32;
    const SHORT: &str = "9.5367431640625e-07";
    let Some(_turn) = turn() else { return };
    let device = LoopDevice::new(64 << 20).unwrap();
    let name = device.name();
    let daemon = geophone(&["block_io"]).start().unwrap();
    let mut client = daemon.client().unwrap();
    until_exported(&mut client, &name).unwrap();
    let Some(()) = submit_together(&device.path(), TOGETHER).unwrap() else {
        Requirement::Bpf.skip("fio is not installed");
        return;
    };
    let page = client.metrics().unwrap();
    let labels = [("device", name.as_str()), ("operation", "read")];
    let count = page.sum("geophone_block_io_queue_seconds_count", &labels);
    let labels = [labels[0], labels[1], ("le", SHORT)];
    let short = page.sum("geophone_block_io_queue_seconds_bucket", &labels);
    let (count, short) = (count.unwrap(), short.unwrap());
    assert!(count >= 1000.0, "{count} requests");
    assert!(
        short < count / 4.0,
        "{short} of {count} requests waited for no other"
    );
}

#[test]
fn failed_requests_are_errors_of_their_class() {
    let Some(_turn) = turn() else { return };
    let daemon = geophone(&["block_io"]).start().unwrap();
    let comparisons = full_disk(&mut daemon.client().unwrap()).unwrap();
    for comparison in comparisons {
        println!("{comparison}");
        let unseen = UNSEEN * comparison.kernel.0;
        comparison.nearly_equal(unseen, 1.0).unwrap();
    }
}

/// Without `queue/iostats` the kernel does not stamp requests as it allocates them.
#[test]
fn requests_without_a_start_are_counted_as_such() {
    const REQUESTS: u32 = 300;
    const BLOCK: u32 = 16 << 10;
    let Some(_turn) = turn() else { return };
    let device = LoopDevice::new(16 << 20).unwrap();
    let name = device.name();
    let daemon = geophone(&["block_io"]).start().unwrap();
    let mut client = daemon.client().unwrap();
    until_exported(&mut client, &name).unwrap();
    let statistics = format!("/sys/block/{name}/queue/iostats");
    std::fs::write(&statistics, "0").unwrap();
    // Write-back throttling has the queue stamp for itself.
    std::fs::write(format!("/sys/block/{name}/queue/wbt_lat_usec"), "0").unwrap();
    let before = client.metrics().unwrap();
    write_and_read(&device.path(), REQUESTS as usize, BLOCK as usize, 1).unwrap();
    let after = client.metrics().unwrap();
    for operation in ["read", "write"] {
        let labels = [("device", name.as_str()), ("operation", operation)];
        let gain = |metric: &str| {
            let metric = format!("geophone_block_io_{metric}");
            after.sum(&metric, &labels).unwrap() - before.sum(&metric, &labels).unwrap()
        };
        let untimed = gain("untimed_total");
        let timed = gain("duration_seconds_count");
        println!("{operation}: {untimed} untimed, {timed} timed");
        let least = f64::from(REQUESTS) * (1.0 - UNSEEN);
        assert!(
            (least..=f64::from(REQUESTS)).contains(&untimed),
            "{untimed}"
        );
        assert!(timed < 0.5, "{timed}");
        let bytes = gain("bytes_total");
        assert!(
            (bytes - untimed * f64::from(BLOCK)).abs() < 0.5,
            "{bytes} bytes"
        );
    }
}
