use geophone_test_support::stub::{Caller, Library, Stub};

use super::{assert_all, until_known};
use crate::{geophone, turn};

/// As C++ names it.
const MANGLED: &str = "_Z24hipExtModuleLaunchKernelP18ihipModuleSymbol_tjjjjjjmP12ihipStream_tPPvS4_P11ihipEvent_tS6_j";

#[test]
fn calls_of_versioned_and_mangled_functions_are_what_was_called() {
    let Some(_turn) = turn() else { return };
    let stub = Stub::build(Library::Hip).unwrap();
    let daemon = geophone(&["hip"]).start().unwrap();
    let mut client = daemon.client().unwrap();
    let mut caller = stub.start(&[]).unwrap();
    until_known(&mut client, "hip");
    for (function, calls, arguments, each) in [
        ("hipLaunchKernel", 100, &[][..], 0),
        ("hipLaunchKernel_spt", 20, &[], 0),
        ("hipModuleLaunchKernel", 3, &[], 0),
        (MANGLED, 4, &[], 0),
        ("hipMemcpyAsync", 2, &[1, 2, 10, 2], 0),
        // hipMemcpyDeviceToDeviceNoCU
        ("hipMemcpyAsync", 1, &[1, 2, 100, 1024], 0),
        ("hipMemcpyPeerAsync", 3, &[1, 0, 2, 1, 1000], 0),
        // As of every asynchronous copy, what becomes of it is not seen.
        ("hipMemcpyPeerAsync", 5, &[0xbad, 0, 2, 1, 1000], 1),
        ("hipMemcpyHtoD", 5, &[1, 2, 4096], 0),
        ("hipMemcpyHtoD", 2, &[0xbad, 2, 4096], 1),
        ("hipMemcpy_spt", 6, &[1, 2, 64, 0], 0),
        ("hipMemsetD32", 7, &[1, 0, 25], 0),
        ("hipStreamSynchronize_spt", 8, &[0], 0),
        ("hipStreamSynchronize_spt", 1, &[1], 700),
        ("hipHostMalloc", 1, &[Caller::NEW, 100], 0),
        ("hipMemCreate", 2, &[Caller::NEW, 2 << 20], 0),
        ("hipMemRelease", 1, &[Caller::LATEST], 0),
        ("hipMalloc", 3, &[Caller::NEW, 4096], 0),
        ("hipMalloc", 4, &[Caller::NEW, 1 << 31], 2),
        ("hipFree", 2, &[Caller::LATEST], 0),
    ] {
        let returned = caller.call(function, calls, arguments).unwrap();
        assert_eq!(returned, i64::try_from(calls).unwrap() * each, "{function}");
    }

    let expected = [
        ("calls_total", "operation", "kernel_launch", 127),
        ("calls_total", "operation", "memory_copy_async", 11),
        ("calls_total", "operation", "memory_copy", 13),
        ("calls_total", "operation", "memory_set", 7),
        ("calls_total", "operation", "stream_synchronize", 9),
        ("calls_total", "operation", "memory_allocate", 10),
        ("calls_total", "operation", "memory_free", 3),
        ("bytes_total", "direction", "host_to_host", 6 * 64),
        ("bytes_total", "direction", "host_to_device", 5 * 4096),
        ("bytes_total", "direction", "device_to_host", 20),
        ("bytes_total", "direction", "device_to_device", 100),
        ("bytes_total", "direction", "unknown", 0),
        ("bytes_total", "direction", "peer", 8000),
        ("bytes_total", "direction", "set", 700),
        ("errors_total", "error", "invalid_value", 2),
        ("errors_total", "error", "out_of_memory", 4),
        ("errors_total", "error", "illegal_address", 1),
        ("memory_outstanding_bytes", "kind", "device", 4096),
        ("memory_outstanding_bytes", "kind", "host", 100),
        ("memory_outstanding_bytes", "kind", "virtual", 2 << 20),
    ];
    assert_all(&client.metrics().unwrap(), "hip", &expected);
}
