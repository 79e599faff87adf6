//! Calls of the CUDA driver, made to a library that has no GPU but all the rest.

mod in_flight;
mod memory;

use std::fs;
use std::time::{Duration, Instant};

use geophone_test_support::client::Client;
use geophone_test_support::control_group::Group;
use geophone_test_support::cuda::{Application, Calls, Driver, Way};
use geophone_test_support::daemon::Daemon;
use geophone_test_support::exposition::Exposition;
use geophone_test_support::process::{Ended, run_to_end, unconfigured};
use geophone_test_support::wait;
use rustix::process::Signal;

use crate::{BINARY, geophone, turn};

const PATIENCE: Duration = Duration::from_secs(20);

fn daemon() -> Daemon {
    geophone(&["cuda"]).start().unwrap()
}

fn calls(function: &'static str, calls: u64, arguments: [i64; 3]) -> Calls {
    Calls {
        way: Way::Dlsym,
        function,
        threads: 1,
        calls,
        arguments,
    }
}

fn is_active(page: &Exposition) -> bool {
    let labels = [("module", "cuda"), ("state", "active")];
    page.sum("geophone_module_state", &labels) == Some(1.0)
}

/// Waits until the application has series of its own.
fn until_known(client: &mut Client) {
    let labels = [("workload", Application::COMMAND)];
    wait::until("series of the application", PATIENCE, || {
        let page = client.metrics()?;
        Ok(page.sum("geophone_cuda_calls_total", &labels).map(|_| ()))
    })
    .unwrap();
}

/// A metric of the application's, with another label.
fn of(page: &Exposition, metric: &str, label: (&str, &str)) -> u64 {
    let labels = [("workload", Application::COMMAND), label];
    let value = page.sum(&format!("geophone_cuda_{metric}"), &labels);
    // Counts of calls and bytes.
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::panic
    )]
    let count = value.unwrap_or_else(|| panic!("no {metric} of {label:?}")) as u64;
    count
}

#[test]
fn calls_bytes_errors_and_durations_are_what_was_called() {
    let Some(_turn) = turn() else { return };
    let driver = Driver::build().unwrap();
    let daemon = daemon();
    let mut client = daemon.client().unwrap();
    let mut application = driver.start().unwrap();
    until_known(&mut client);

    let launch = |way, threads, count| Calls {
        way,
        threads,
        ..calls("cuLaunchKernel", count, [0; 3])
    };
    let many = [
        launch(Way::Plt, 1, 1000),
        launch(Way::Dlsym, 1, 200),
        launch(Way::Driver, 1, 30),
        launch(Way::Plt, 64, 5000),
        calls("cuLaunchKernel_ptsz", 4, [0; 3]),
        calls("cuLaunchKernelEx", 3, [0; 3]),
        calls("cuGraphLaunch", 17, [0; 3]),
        calls("cuMemcpyHtoDAsync_v2", 10, [1, 2, 1000]),
        calls("cuMemcpyDtoHAsync_v2", 11, [1, 2, 30]),
        calls("cuMemsetD32_v2", 5, [1, 0, 100]),
        calls("cuMemcpyHtoD_v2", 20, [1, 2, 4096]),
        calls("cuMemcpyHtoD_v2", 3, [0xbad, 2, 4096]),
        calls("cuMemcpyDtoH_v2", 7, [1, 2, 512]),
        calls("cuMemcpyDtoD_v2", 9, [1, 2, 64]),
        calls("cuStreamSynchronize", 20, [10_000, 0, 0]),
        calls("cuCtxSynchronize", 2, [-1, 0, 0]),
        calls("cuMemAlloc_v2", 6, [Application::NEW, 1 << 20, 0]),
        calls("cuMemAlloc_v2", 4, [Application::NEW, 1 << 31, 0]),
        calls("cuMemFree_v2", 6, [0x0070_0000, 0, 0]),
    ];
    let returned: i64 = many
        .iter()
        .map(|each| application.call(each).unwrap())
        .sum();
    assert_eq!(returned, 3 + 2 * 700 + 4 * 2);

    let page = client.metrics().unwrap();
    assert_counts(&page);
    assert_durations(&page);
    for lost in ["unmatched_returns", "untracked_calls", "abandoned_calls"] {
        let lost = page.sum(&format!("geophone_cuda_{lost}_total"), &[]);
        assert!(lost.unwrap() < 0.5, "{lost:?}");
    }
    let other = [("workload", "other")];
    assert!(page.sum("geophone_cuda_calls_total", &other).unwrap() < 0.5);
}

fn assert_counts(page: &Exposition) {
    for (operation, count) in [
        ("kernel_launch", 1000 + 200 + 30 + 64 * 5000 + 4 + 3),
        ("graph_launch", 17),
        ("memory_copy_async", 10 + 11),
        ("memory_set", 5),
        ("memory_copy", 20 + 3 + 7 + 9),
        ("stream_synchronize", 20),
        ("context_synchronize", 2),
        ("memory_allocate", 6 + 4),
        ("memory_free", 6),
        ("event_synchronize", 0),
    ] {
        assert_eq!(
            of(page, "calls_total", ("operation", operation)),
            count,
            "{operation}"
        );
    }
    for (direction, bytes) in [
        ("host_to_device", 10 * 1000 + 20 * 4096),
        ("device_to_host", 11 * 30 + 7 * 512),
        ("device_to_device", 9 * 64),
        ("set", 5 * 4 * 100),
        ("peer", 0),
    ] {
        assert_eq!(
            of(page, "bytes_total", ("direction", direction)),
            bytes,
            "{direction}"
        );
    }
    for (error, count) in [
        ("invalid_value", 3),
        ("out_of_memory", 4),
        ("illegal_address", 2),
        ("other", 0),
    ] {
        assert_eq!(of(page, "errors_total", ("error", error)), count, "{error}");
    }
}

fn assert_durations(page: &Exposition) {
    for (operation, count, failed) in [
        ("memory_copy", 39, 3),
        ("stream_synchronize", 20, 0),
        ("context_synchronize", 2, 2),
        ("memory_allocate", 10, 4),
    ] {
        let operation = ("operation", operation);
        assert_eq!(of(page, "call_duration_seconds_count", operation), count);
        assert_eq!(of(page, "failed_calls_total", operation), failed);
    }
    let labels = [
        ("workload", Application::COMMAND),
        ("operation", "stream_synchronize"),
    ];
    let waited = page.sum("geophone_cuda_call_duration_seconds_sum", &labels);
    let waited = waited.unwrap();
    assert!((0.2..0.3).contains(&waited), "{waited} s");
}

#[test]
fn calls_in_flight_when_the_probe_comes_are_no_measurement() {
    const THREADS: u32 = 32;
    let Some(_turn) = turn() else { return };
    let driver = Driver::build().unwrap();
    let mut application = driver.start().unwrap();
    let begin = Instant::now();
    application
        .tell(&Calls {
            threads: THREADS,
            ..calls("cuStreamSynchronize", 1, [4_000_000, 0, 0])
        })
        .unwrap();
    let daemon = daemon();
    let mut client = daemon.client().unwrap();
    until_known(&mut client);
    let known = begin.elapsed();
    assert_eq!(application.answer().unwrap(), 0);
    assert!(
        known < Duration::from_secs(4),
        "attached too late: {known:?}"
    );

    let page = client.metrics().unwrap();
    let synchronized = ("operation", "stream_synchronize");
    assert_eq!(of(&page, "calls_total", synchronized), 0);
    assert_eq!(of(&page, "call_duration_seconds_count", synchronized), 0);
    // Only what is entered gets a return probe, so none of these is even seen to return.
    assert_eq!(
        application
            .call(&calls("cuStreamSynchronize", 3, [0; 3]))
            .unwrap(),
        0
    );
    let page = client.metrics().unwrap();
    assert_eq!(of(&page, "calls_total", synchronized), 3);
}

#[test]
fn a_thread_that_ends_within_a_call_disturbs_no_other() {
    let Some(_turn) = turn() else { return };
    let driver = Driver::build().unwrap();
    let daemon = daemon();
    let mut client = daemon.client().unwrap();
    let mut victim = driver.start().unwrap();
    let mut application = driver.start().unwrap();
    until_known(&mut client);
    let forever = Calls {
        threads: 16,
        ..calls("cuStreamSynchronize", 1, [60_000_000, 0, 0])
    };
    victim.tell(&forever).unwrap();
    let threads = format!("/proc/{}/task", victim.id());
    wait::until("the victim's threads", PATIENCE, || {
        Ok((fs::read_dir(&threads)?.count() == 1 + 16).then_some(()))
    })
    .unwrap();
    let in_flight = |client: &mut Client| {
        let labels = [("map", "CUDA_IN_FLIGHT")];
        let page = client.metrics().unwrap();
        page.sum("geophone_map_entries", &labels).unwrap()
    };
    assert!((in_flight(&mut client) - 16.0).abs() < 0.5);
    drop(victim);
    assert!(in_flight(&mut client) < 0.5);
    assert_eq!(
        application
            .call(&calls("cuStreamSynchronize", 50, [100, 0, 0]))
            .unwrap(),
        0
    );
    let page = client.metrics().unwrap();
    let synchronized = ("operation", "stream_synchronize");
    assert_eq!(of(&page, "call_duration_seconds_count", synchronized), 50);
}

#[test]
fn workloads_are_called_by_their_container_or_by_their_whole_path() {
    let Some(_turn) = turn() else { return };
    let id = "4a1b2c3d4e5f".repeat(6);
    let group = Group::named(format!("docker-{}.scope", &id[..64])).unwrap();
    let driver = Driver::build().unwrap();
    let application = driver.start().unwrap();
    group.take(application.id()).unwrap();
    for (configuration, name) in [
        ("", "docker-4a1b2c3d4e5f"),
        ("[modules.cuda]\nshort_names = false\n", group.label()),
    ] {
        let options = geophone(&["cuda"]).configuration(configuration);
        let daemon = options.start().unwrap();
        let mut client = daemon.client().unwrap();
        let labels = [("workload", name)];
        wait::until(name, PATIENCE, || {
            let page = client.metrics()?;
            Ok(page.sum("geophone_cuda_calls_total", &labels).map(|_| ()))
        })
        .unwrap();
    }
}

const LIBRARY: [(&str, &str); 2] = [("module", "cuda"), ("library", "libcuda")];

#[test]
fn a_library_nobody_has_means_waiting_and_no_series() {
    let Some(_turn) = turn() else { return };
    let mut daemon = daemon();
    let mut client = daemon.client().unwrap();
    let page = client.metrics().unwrap();
    let waiting = [("module", "cuda"), ("state", "waiting")];
    assert!(
        page.sum("geophone_module_state", &waiting) == Some(1.0),
        "{}",
        daemon.log()
    );
    assert!(page.sum("geophone_cuda_calls_total", &[]).is_none());
    let program = [("module", "cuda"), ("program", "cuda_entry")];
    assert_eq!(
        page.sum("geophone_program_attached", &program)
            .map(f64::to_bits),
        Some(0)
    );

    let files = |page: &Exposition| page.sum("geophone_library_files", &LIBRARY);
    wait::until("a look at the machine", PATIENCE, || {
        let page = client.metrics()?;
        let scans = page.sum("geophone_library_scans_total", &[]);
        Ok((scans >= Some(1.0) && files(&page) == Some(0.0)).then_some(()))
    })
    .unwrap();

    let driver = Driver::build().unwrap();
    let application = driver.start().unwrap();
    until_known(&mut client);
    let page = client.metrics().unwrap();
    assert!(is_active(&page));
    assert_eq!(files(&page), Some(1.0));
    for placement in ["fast", "slow"] {
        let labels = [&LIBRARY[..], &[("placement", placement)]].concat();
        let probes = page.sum("geophone_library_probes", &labels).unwrap();
        let (told, log) = (format!("{placement}={probes}"), daemon.log());
        let mut words = log.split_whitespace();
        assert!(words.any(|word| word == told), "{told}: {log}");
    }
    drop(application);
    // What it did is kept for a while, and so is the probe for who comes next.
    assert!(is_active(&client.metrics().unwrap()));
    let (status, time) = daemon.stop(Signal::TERM).unwrap();
    assert!(
        status.success() && time < Duration::from_secs(1),
        "{time:?}"
    );
}

#[test]
fn a_machine_without_the_library_is_in_order() {
    let Some(_turn) = turn() else { return };
    let mut doctor = unconfigured(BINARY);
    let Ended { status, said } = run_to_end(doctor.arg("doctor"), PATIENCE).unwrap();
    assert!(status.success(), "{said}");
    assert!(said.contains("waiting      cuda"), "{said}");
}
