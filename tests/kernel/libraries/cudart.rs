use geophone_test_support::cuda::Driver;
use geophone_test_support::stub::{Caller, Library, Stub};

use super::{assert_all, until_known};
use crate::{geophone, turn};

#[test]
fn runtime_calls_are_what_was_called_and_apart_from_the_drivers() {
    /// What is in the upper half of a register that holds an `int` means nothing.
    const JUNK: i64 = 0x7fff_0000_0000;
    let Some(_turn) = turn() else { return };
    let stub = Stub::build(Library::Cudart).unwrap();
    let driver = Driver::build().unwrap();
    let daemon = geophone(&["cuda", "cudart"]).start().unwrap();
    let mut client = daemon.client().unwrap();
    let mut caller = stub.start(&[&driver.library()]).unwrap();
    until_known(&mut client, "cudart");
    until_known(&mut client, "cuda");
    for (function, calls, arguments, each) in [
        ("cudaLaunchKernel", 100, &[][..], 0),
        ("__cudaLaunchKernel", 20, &[], 0),
        ("cudaLaunchKernelExC", 3, &[], 0),
        ("cudaGraphLaunch", 5, &[], 0),
        ("cudaMemcpyAsync", 2, &[1, 2, 10, 0], 0),
        ("cudaMemcpyAsync", 3, &[1, 2, 100, 1 + JUNK], 0),
        ("cudaMemcpyAsync", 4, &[1, 2, 1000, 2], 0),
        ("cudaMemcpyAsync", 5, &[1, 2, 10_000, 3], 0),
        ("cudaMemcpyAsync", 6, &[1, 2, 100_000, 4], 0),
        // A direction that there is not.
        ("cudaMemcpyAsync", 1, &[1, 2, 7, 77], 0),
        ("cudaMemcpyPeerAsync", 8, &[1, 0, 2, 1, 50], 0),
        ("cudaMemset", 9, &[1, 0, 300], 0),
        ("cudaMemcpy", 10, &[1, 2, 4096, 1 + JUNK], 0),
        ("cudaMemcpy", 7, &[1, 2, 64, 2], 0),
        ("cudaMemcpy", 3, &[0xbad, 2, 64, 2], 1),
        // The kind is the fifth.
        ("cudaMemcpyToSymbol", 2, &[1, 2, 8, 2, 1], 0),
        ("cudaDeviceSynchronize", 6, &[0], 0),
        ("cudaDeviceSynchronize", 2, &[1], 700),
        ("cudaMalloc", 5, &[Caller::NEW, 4096], 0),
        ("cudaMalloc", 4, &[Caller::NEW, 1 << 31], 2),
        ("cudaFree", 2, &[Caller::LATEST], 0),
        (
            "cudaMallocPitch",
            1,
            &[Caller::NEW, Caller::PITCH, 1000, 3],
            0,
        ),
        ("cudaMallocAsync_ptsz", 2, &[Caller::NEW, 512], 0),
        ("cudaMallocHost", 4, &[Caller::NEW, 100], 0),
        ("cudaFreeHost", 1, &[Caller::LATEST], 0),
    ] {
        let returned = caller.call(function, calls, arguments).unwrap();
        assert_eq!(returned, i64::try_from(calls).unwrap() * each, "{function}");
    }

    let page = client.metrics().unwrap();
    let copies = ("call_duration_seconds_count", "operation", "memory_copy");
    let expected = [
        ("calls_total", "operation", "kernel_launch", 123),
        ("calls_total", "operation", "graph_launch", 5),
        ("calls_total", "operation", "memory_copy_async", 29),
        ("calls_total", "operation", "memory_set", 9),
        ("calls_total", "operation", "memory_copy", 22),
        ("calls_total", "operation", "device_synchronize", 8),
        (
            "calls_total",
            "operation",
            "memory_allocate",
            5 + 4 + 1 + 2 + 4,
        ),
        ("calls_total", "operation", "memory_free", 3),
        ("bytes_total", "direction", "host_to_host", 20),
        (
            "bytes_total",
            "direction",
            "host_to_device",
            300 + 10 * 4096 + 16,
        ),
        ("bytes_total", "direction", "device_to_host", 4000 + 7 * 64),
        ("bytes_total", "direction", "device_to_device", 50_000),
        ("bytes_total", "direction", "unknown", 600_000 + 7),
        ("bytes_total", "direction", "peer", 400),
        ("bytes_total", "direction", "set", 2700),
        (copies.0, copies.1, copies.2, 22),
        ("failed_calls_total", "operation", "memory_copy", 3),
        ("failed_calls_total", "operation", "device_synchronize", 2),
        ("errors_total", "error", "invalid_value", 3),
        ("errors_total", "error", "out_of_memory", 4),
        ("errors_total", "error", "illegal_address", 2),
        (
            "memory_outstanding_bytes",
            "kind",
            "device",
            3 * 4096 + 3072,
        ),
        ("memory_outstanding_bytes", "kind", "pool", 2 * 512),
        ("memory_outstanding_bytes", "kind", "host", 3 * 100),
        ("memory_allocated_bytes_total", "kind", "host", 4 * 100),
    ];
    assert_all(&page, "cudart", &expected);
    // What the runtime called in the driver, and nothing else.
    let expected = [
        ("calls_total", "operation", "memory_copy", 10),
        ("bytes_total", "direction", "host_to_device", 10 * 4096),
        ("calls_total", "operation", "kernel_launch", 0),
        ("memory_outstanding_bytes", "kind", "device", 0),
    ];
    assert_all(&page, "cuda", &expected);
}
