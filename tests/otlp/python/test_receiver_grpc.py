import time
import unittest

import grpc
from google.rpc.error_details_pb2 import RetryInfo
from grpc_status import rpc_status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2_grpc import LogsServiceStub
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2_grpc import MetricsServiceStub
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub

import samples
from process import PATIENCE, Receiver

REQUEST = samples.export()
SIZE = len(REQUEST.SerializeToString())


class Grpc(unittest.TestCase):
    def start(self, script=None, *arguments):
        self.receiver = Receiver(script, *arguments)
        self.addCleanup(self.receiver.end)
        self.connect()

    def connect(self):
        """A connection of its own for the calls that follow."""
        # Retries of the library's own would use up the script.
        self.channel = grpc.insecure_channel(
            f"127.0.0.1:{self.receiver.grpc}",
            options=[
                ("grpc.enable_retries", 0),
                ("grpc.max_send_message_length", 1 << 28),
                ("grpc.use_local_subchannel_pool", 1),
            ],
        )
        self.addCleanup(self.channel.close)

    def export(self, request=REQUEST, stub=MetricsServiceStub, timeout=PATIENCE, **options):
        return stub(self.channel).Export(request, timeout=timeout, **options)

    def fails(self, **options):
        with self.assertRaises(grpc.RpcError) as raised:
            self.export(**options)
        return raised.exception

    def test_accepts_and_records(self):
        self.start()
        self.assertEqual(self.export(metadata=[("x-tenant", "a")]).ByteSize(), 0)
        record = self.receiver.wait_for("request")
        self.assertEqual(record["errors"], [])
        self.assertEqual(
            (record["transport"], record["signal"], record["points"]), ("grpc", "metrics", 4)
        )
        self.assertEqual(
            (record["wire_bytes"], record["bytes"], record["encoding"]), (SIZE, SIZE, None)
        )
        self.assertEqual(record["headers"]["x-tenant"], "a")
        self.assertEqual(record["headers"]["te"], "trailers")
        self.assertIn("grpc-timeout", record["headers"])
        self.assertLessEqual(record["arrived"], record["at"])

    def test_gzip(self):
        self.start()
        self.export(compression=grpc.Compression.Gzip)
        record = self.receiver.wait_for("request")
        self.assertEqual(record["errors"], [])
        self.assertEqual((record["bytes"], record["encoding"]), (SIZE, "gzip"))
        self.assertLess(record["wire_bytes"], SIZE)

    def test_long_messages(self):
        self.start()
        request = samples.empty()
        samples.counter(request).description = "x" * (5 << 20)
        self.export(request)
        self.assertEqual(self.receiver.wait_for("request")["wire_bytes"], request.ByteSize())

    def test_logs_and_traces(self):
        self.start()
        logs, traces = ExportLogsServiceRequest(), ExportTraceServiceRequest()
        logs.resource_logs.add().scope_logs.add().log_records.add()
        traces.resource_spans.add().scope_spans.add().spans.add()
        self.export(logs, LogsServiceStub)
        self.export(traces, TraceServiceStub)
        for signal in ("logs", "traces"):
            record = self.receiver.wait_for("request")
            self.assertEqual(
                (record["signal"], record["points"], record["errors"]), (signal, 1, [])
            )

    def test_is_strict(self):
        self.start()
        error = self.fails(request=samples.empty())
        self.assertEqual(error.code(), grpc.StatusCode.INVALID_ARGUMENT)
        self.assertIn("ScopeMetrics is empty", error.details())
        error = self.fails_at("/opentelemetry.proto.collector.metrics.v2.MetricsService/Export")
        self.assertEqual(error.code(), grpc.StatusCode.UNIMPLEMENTED)
        self.receiver.wait_for("not_served")

    def fails_at(self, method):
        with self.assertRaises(grpc.RpcError) as raised:
            self.channel.unary_unary(method)(b"", timeout=PATIENCE)
        return raised.exception

    def test_partial_success(self):
        self.start(
            [
                {"do": "partial", "rejected": 3, "message": "too old"},
                {"do": "partial", "message": "a warning"},
            ]
        )
        for rejected, message in ((3, "too old"), (0, "a warning")):
            partial = self.export().partial_success
            self.assertEqual(
                (partial.rejected_data_points, partial.error_message), (rejected, message)
            )

    def test_failures(self):
        self.start(
            [
                {"do": "fail", "code": "RESOURCE_EXHAUSTED", "retry_after": 1.5, "message": "full"},
                {"do": "fail", "code": "UNAUTHENTICATED"},
                {"do": "accept"},
            ]
        )
        error = self.fails()
        self.assertEqual(
            (error.code(), error.details()), (grpc.StatusCode.RESOURCE_EXHAUSTED, "full")
        )
        info = RetryInfo()
        self.assertTrue(rpc_status.from_call(error).details[0].Unpack(info))
        self.assertEqual(info.retry_delay.ToNanoseconds(), 1_500_000_000)
        error = self.fails()
        self.assertEqual(error.code(), grpc.StatusCode.UNAUTHENTICATED)
        self.assertEqual(len(rpc_status.from_call(error).details), 0)
        self.export()

    def test_hangs_until_the_client_gives_up(self):
        self.start([{"do": "hang"}, {"do": "accept"}])
        self.assertEqual(self.fails(timeout=0.3).code(), grpc.StatusCode.DEADLINE_EXCEEDED)
        self.assertGreater(self.receiver.wait_for("gave_up")["after"], 0.1)
        self.export()

    def test_resets_and_closes(self):
        self.start([{"do": "reset"}, {"do": "close"}, {"do": "accept"}])
        self.assertEqual(self.fails().code(), grpc.StatusCode.UNAVAILABLE)
        self.assertGreater(self.receiver.wait_for("reset")["read"], 0)
        # On the old channel a call can still be given to the connection that is gone.
        self.connect()
        self.assertEqual(self.fails().code(), grpc.StatusCode.UNAVAILABLE)
        self.assertEqual(self.receiver.wait_for("request")["behaviour"], {"do": "close"})
        self.connect()
        self.export()

    def test_garbage(self):
        self.start([{"do": "garbage"}])
        self.assertEqual(self.fails().code(), grpc.StatusCode.INTERNAL)

    def test_slow(self):
        self.start([{"do": "slow", "seconds": 0.3}])
        began = time.monotonic()
        self.export()
        self.assertGreaterEqual(time.monotonic() - began, 0.3)

    def test_huge_answers(self):
        self.start([{"do": "huge", "bytes": 1 << 20}, {"do": "huge"}])
        self.assertEqual(len(self.export().partial_success.error_message), 1 << 20)
        # The library reads 4 MiB at most.
        self.assertEqual(self.fails().code(), grpc.StatusCode.RESOURCE_EXHAUSTED)

    def test_refuses_and_listens_again(self):
        self.start()
        self.export()
        self.receiver.command("stop_listening", transport="grpc")
        self.assertEqual(self.fails().code(), grpc.StatusCode.UNAVAILABLE)
        self.receiver.command("listen", transport="grpc")
        self.export(wait_for_ready=True)

    def test_ends_with_its_input_even_as_clients_wait(self):
        self.start([{"do": "hang"}])
        waiting = MetricsServiceStub(self.channel).Export.future(REQUEST)
        self.receiver.wait_for("request")
        self.assertEqual(self.receiver.end(), 0)
        with self.assertRaises(grpc.RpcError):
            waiting.result(PATIENCE)


if __name__ == "__main__":
    unittest.main()
