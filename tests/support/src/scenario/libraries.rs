//! Calls of libraries without a GPU, against what was called.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::client::Client;
use crate::stub::{Caller, Library, Stub};
use crate::wait;

/// Kernels that are emulated take long to attach, one function after the other.
const PATIENCE: Duration = Duration::from_mins(1);

/// A function, how often it is called, and with what.
type Made = (&'static str, u64, &'static [i64]);

/// Metric, label with its value, and what it must be.
type Expected = (&'static str, (&'static str, &'static str), f64);

/// Makes some calls of each library, whose stub is in a directory; fails if a count or a size
/// is not as it was made. Says how many calls there were.
pub fn calls(client: &mut Client, directory: &Path) -> Result<String> {
    let mut counted = 0;
    for library in Library::ALL {
        let value = |client: &mut Client, metric: &str, label: (&str, &str)| {
            let metric = format!("geophone_{}_{metric}", library.module());
            let labels = [("workload", Caller::COMMAND), label];
            Ok::<_, anyhow::Error>(client.metrics()?.sum(&metric, &labels))
        };
        let (made, expected) = of(library);
        let mut caller = Stub::at(directory, library).start(&[])?;
        wait::until("the caller to be known", PATIENCE, || {
            let (metric, label, _) = expected[0];
            Ok(value(client, metric, label)?.map(|_| ()))
        })?;
        for (function, calls, arguments) in made {
            let returned = caller.call(function, calls, arguments)?;
            ensure!(returned == 0, "{function} returned {returned}");
            counted += calls;
        }
        for (metric, label, count) in expected {
            let found = value(client, metric, label)?;
            ensure!(
                found.is_some_and(|found| (found - count).abs() < 0.5),
                "{}: {metric} of {label:?} is {found:?}, not {count}",
                library.module()
            );
        }
    }
    Ok(format!("{counted} calls, each as it was made"))
}

fn of(library: Library) -> ([Made; 3], [Expected; 4]) {
    let called = |operation, count| ("calls_total", ("operation", operation), count);
    let held = |bytes| ("memory_outstanding_bytes", ("kind", "device"), bytes);
    match library {
        Library::Cudart => (
            [
                ("cudaLaunchKernel", 500, &[]),
                ("cudaMemcpy", 20, &[1, 2, 1000, 2]),
                ("cudaMalloc", 3, &[Caller::NEW, 4096]),
            ],
            [
                called("kernel_launch", 500.0),
                called("memory_copy", 20.0),
                ("bytes_total", ("direction", "device_to_host"), 20_000.0),
                held(3.0 * 4096.0),
            ],
        ),
        Library::Hip => (
            [
                ("hipLaunchKernel_spt", 500, &[]),
                ("hipMemcpyPeerAsync", 20, &[1, 0, 2, 1, 1000]),
                ("hipMalloc", 3, &[Caller::NEW, 4096]),
            ],
            [
                called("kernel_launch", 500.0),
                called("memory_copy_async", 20.0),
                ("bytes_total", ("direction", "peer"), 20_000.0),
                held(3.0 * 4096.0),
            ],
        ),
        Library::Nccl => (
            [
                ("ncclAllReduce", 100, &[1, 2, 10, 8]),
                ("ncclBcast", 20, &[1, 100, 9]),
                ("ncclCommInitRank", 3, &[0, 16]),
            ],
            [
                called("broadcast", 20.0),
                called("communicator_initialize", 3.0),
                ("bytes_total", ("operation", "all_reduce"), 8000.0),
                ("bytes_total", ("operation", "broadcast"), 4000.0),
            ],
        ),
    }
}
