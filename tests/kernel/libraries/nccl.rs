use geophone_test_support::stub::{Library, Stub};

use super::{assert_all, until_known};
use crate::{geophone, turn};

#[test]
fn bytes_are_by_datatype_and_what_one_makes_of_another_counts_once() {
    let Some(_turn) = turn() else { return };
    let stub = Stub::build(Library::Nccl).unwrap();
    let daemon = geophone(&["nccl"]).start().unwrap();
    let mut client = daemon.client().unwrap();
    let mut caller = stub.start(&[]).unwrap();
    until_known(&mut client, "nccl");
    // Of ncclInt8, ncclUint8, ... to ncclFloat8e5m2.
    let sizes = [1, 1, 4, 4, 8, 8, 2, 4, 8, 2, 1, 1_u64];
    let mut reduced = 0;
    for (datatype, size) in (0..).zip(sizes) {
        // A different count for each, so that none stands for another.
        let count = 1 << (2 * datatype);
        let arguments = [1, 2, count, datatype];
        assert_eq!(caller.call("ncclAllReduce", 1, &arguments).unwrap(), 0);
        reduced += count.unsigned_abs() * size;
    }
    for (function, calls, arguments, each) in [
        // Types that there are not.
        ("ncclAllReduce", 1, &[1, 2, 1 << 40, 12][..], 0),
        ("ncclAllReduce", 1, &[1, 2, 1 << 40, -1], 0),
        ("ncclReduceScatter", 2, &[1, 2, 100, 7], 0),
        // In progress, which is no error.
        ("ncclAllGather", 3, &[1, 2, 100, 9], 7),
        ("ncclBroadcast", 4, &[1, 2, 10, 8], 0),
        ("ncclBroadcast", 2, &[1, 2, 10, 8, 99], 4),
        ("ncclBcast", 5, &[1, 1000, 2, 0], 0),
        ("ncclBcast", 1, &[1, 1000, 2, 99], 4),
        ("ncclAllToAll", 2, &[1, 2, 16, 4], 0),
        ("ncclSend", 6, &[1, 64, 6], 0),
        ("ncclRecv", 7, &[1, 32, 1], 0),
        ("ncclGroupStart", 8, &[], 0),
        ("ncclGroupEnd", 8, &[], 0),
        ("ncclCommInitRank", 3, &[0, 16], 0),
        ("ncclCommAbort", 1, &[], 0),
    ] {
        let returned = caller.call(function, calls, arguments).unwrap();
        assert_eq!(returned, i64::try_from(calls).unwrap() * each, "{function}");
    }

    let initialized = ("operation", "communicator_initialize");
    let expected = [
        ("calls_total", "operation", "all_reduce", 12 + 2),
        ("calls_total", "operation", "reduce_scatter", 2),
        ("calls_total", "operation", "all_gather", 3),
        ("calls_total", "operation", "broadcast", 4 + 2 + 5 + 1),
        ("calls_total", "operation", "all_to_all", 2),
        ("calls_total", "operation", "send", 6),
        ("calls_total", "operation", "receive", 7),
        ("calls_total", "operation", "group_start", 8),
        ("calls_total", "operation", "group_end", 8),
        ("calls_total", initialized.0, initialized.1, 3),
        ("calls_total", "operation", "communicator_abort", 1),
        ("bytes_total", "operation", "all_reduce", reduced),
        ("bytes_total", "operation", "reduce_scatter", 2 * 100 * 4),
        ("bytes_total", "operation", "all_gather", 3 * 100 * 2),
        ("bytes_total", "operation", "broadcast", 4 * 80 + 5 * 4000),
        ("bytes_total", "operation", "all_to_all", 2 * 16 * 8),
        ("bytes_total", "operation", "send", 6 * 64 * 2),
        ("bytes_total", "operation", "receive", 7 * 32),
        (
            "call_duration_seconds_count",
            initialized.0,
            initialized.1,
            3,
        ),
        ("call_duration_seconds_count", "operation", "broadcast", 12),
        ("failed_calls_total", "operation", "broadcast", 3),
        ("failed_calls_total", "operation", "all_gather", 0),
        ("errors_total", "error", "invalid_argument", 3),
        ("errors_total", "error", "other", 0),
    ];
    assert_all(&client.metrics().unwrap(), "nccl", &expected);
}
