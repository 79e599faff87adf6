//! Calls of a CUDA driver without a GPU, against what was called.

use std::time::Duration;

use anyhow::{Result, ensure};

use crate::client::Client;
use crate::cuda::{Application, Calls, Driver, Way};
use crate::exposition::Exposition;
use crate::wait;

/// Kernels that are emulated take long to attach, one function after the other.
const PATIENCE: Duration = Duration::from_mins(1);

const THREADS: u32 = 8;

/// Metric, label with its value, and what it must be.
type Expected = (&'static str, (&'static str, &'static str), u64);

/// Makes calls of most kinds, from several threads; fails if a count, a size or an error is not
/// as it was made. Says how many calls there were.
pub fn calls(client: &mut Client, driver: &Driver) -> Result<String> {
    let mut application = driver.start()?;
    wait::until("the application to be known", PATIENCE, || {
        Ok(value(
            &client.metrics()?,
            "calls_total",
            ("operation", "kernel_launch"),
        )
        .map(|_| ()))
    })?;
    let calls = |function, calls, arguments| Calls {
        way: Way::Dlsym,
        function,
        threads: THREADS,
        calls,
        arguments,
    };
    let allocate = |function, count| calls(function, count, [Application::NEW, 4096, 0]);
    for (made, each) in [
        (calls("cuLaunchKernel", 500, [0; 3]), 0),
        (calls("cuLaunchKernelEx", 20, [0; 3]), 0),
        (calls("cuMemcpyDtoHAsync_v2", 30, [1, 2, 1000]), 0),
        (calls("cuMemsetD32_v2", 5, [1, 0, 100]), 0),
        (calls("cuMemcpyDtoD_v2", 10, [1, 2, 64]), 0),
        (calls("cuMemcpyHtoD_v2", 2, [0xbad, 2, 64]), 1),
        (calls("cuStreamSynchronize", 3, [1000, 0, 0]), 0),
        (calls("cuCtxSynchronize", 4, [-1, 0, 0]), 700),
        (allocate("cuMemAlloc_v2", 7), 0),
        (allocate("cuMemAlloc_v2+cuMemFree_v2", 50), 0),
        (allocate("cuMemCreate", 3), 0),
        (calls("cuMemRelease", 1, [Application::LATEST, 0, 0]), 0),
        (calls("cuMemFree_v2", 1, [0x1234, 0, 0]), 0),
    ] {
        let returned = application.call(&made)?;
        let expected = i64::from(THREADS) * i64::try_from(made.calls)? * each;
        ensure!(returned == expected, "{made:?} returned {returned}");
    }
    let page = client.metrics()?;
    let expected = expected();
    for (metric, label, count) in expected {
        let found = value(&page, metric, label);
        let count = f64::from(THREADS) * f64::from(u32::try_from(count)?);
        ensure!(
            found.is_some_and(|found| (found - count).abs() < 0.5),
            "{metric} of {label:?} is {found:?}, not {count}; {}",
            lost(&page)
        );
    }
    let counts = expected
        .iter()
        .filter(|(metric, ..)| *metric == "calls_total");
    let counted: u64 = counts.map(|(.., count)| u64::from(THREADS) * count).sum();
    drop(application);
    let held = value(
        &client.metrics()?,
        "memory_outstanding_bytes",
        ("kind", "device"),
    );
    ensure!(held == Some(0.0), "{held:?} bytes are held by nobody");
    Ok(format!("{counted} calls, each as it was made"))
}

/// By each thread.
fn expected() -> [Expected; 14] {
    let operation = |name, count| ("calls_total", ("operation", name), count);
    [
        operation("kernel_launch", 500 + 20),
        operation("memory_copy_async", 30),
        operation("memory_set", 5),
        operation("memory_copy", 10 + 2),
        operation("stream_synchronize", 3),
        operation("context_synchronize", 4),
        operation("memory_allocate", 7 + 50 + 3),
        operation("memory_free", 50 + 1 + 1),
        ("bytes_total", ("direction", "device_to_host"), 30 * 1000),
        ("bytes_total", ("direction", "device_to_device"), 10 * 64),
        ("errors_total", ("error", "illegal_address"), 4),
        (
            "call_duration_seconds_count",
            ("operation", "memory_copy"),
            12,
        ),
        ("memory_outstanding_bytes", ("kind", "device"), 7 * 4096),
        ("memory_outstanding_bytes", ("kind", "virtual"), 2 * 4096),
    ]
}

/// What may explain a call that is missing.
fn lost(page: &Exposition) -> String {
    let cuda = |name: &'static str| format!("geophone_cuda_{name}_total");
    let counters = ["unmatched_returns", "untracked_calls", "abandoned_calls"].map(cuda);
    let missed = (
        "geophone_program_missed_runs_total".to_owned(),
        &[("module", "cuda")][..],
    );
    let counters = counters.map(|name| (name, &[][..]));
    let other = (cuda("calls"), &[("workload", "other")][..]);
    let timed = (
        "geophone_cuda_call_duration_seconds_count".to_owned(),
        &[][..],
    );
    let counters = counters.into_iter().chain([missed, other, timed]);
    let told = counters.map(|(name, labels)| format!("{name} {:?}", page.sum(&name, labels)));
    told.collect::<Vec<_>>().join(", ")
}

fn value(page: &Exposition, metric: &str, label: (&str, &str)) -> Option<f64> {
    let labels = [("workload", Application::COMMAND), label];
    page.sum(&format!("geophone_cuda_{metric}"), &labels)
}
