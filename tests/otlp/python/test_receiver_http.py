import email.utils
import gzip
import http.client
import socket
import tempfile
import time
import unittest
from pathlib import Path

from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

import samples
from process import PATIENCE, Receiver

BODY = samples.export().SerializeToString()
HEADERS = {"Content-Type": "application/x-protobuf", "User-Agent": "test/1"}


class Http(unittest.TestCase):
    def start(self, script=None, *arguments):
        self.receiver = Receiver(script, *arguments)
        self.addCleanup(self.receiver.end)

    def connect(self, timeout=PATIENCE):
        connection = http.client.HTTPConnection("127.0.0.1", self.receiver.http, timeout=timeout)
        self.addCleanup(connection.close)
        return connection

    def post(self, body=BODY, path="/v1/metrics", headers=HEADERS, connection=None):
        connection = connection or self.connect()
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        return answer, answer.read()

    def test_accepts_and_records(self):
        with tempfile.TemporaryDirectory() as directory:
            self.start(None, "--save", directory, "--messages")
            answer, body = self.post()
            self.assertEqual(
                (answer.status, answer.getheader("content-type"), body),
                (200, "application/x-protobuf", b""),
            )
            record = self.receiver.wait_for("request")
            self.assertEqual(record["errors"], [])
            self.assertEqual(record["points"], 4)
            self.assertEqual(
                (record["wire_bytes"], record["bytes"], record["encoding"]),
                (len(BODY), len(BODY), None),
            )
            self.assertEqual(
                (record["transport"], record["signal"], record["path"]),
                ("http", "metrics", "/v1/metrics"),
            )
            self.assertEqual(record["headers"]["user-agent"], "test/1")
            self.assertEqual(Path(record["file"]).read_bytes(), BODY)
            self.assertEqual(len(record["message"]["resourceMetrics"]), 1)
            self.assertLessEqual(record["arrived"], record["at"])
            self.assertLessEqual(record["at"], time.monotonic())

    def test_gzip(self):
        self.start()
        small = gzip.compress(BODY)
        self.assertEqual(
            self.post(small, headers={**HEADERS, "Content-Encoding": "gzip"})[0].status, 200
        )
        record = self.receiver.wait_for("request")
        self.assertEqual(
            (record["wire_bytes"], record["bytes"], record["encoding"]),
            (len(small), len(BODY), "gzip"),
        )

    def test_chunks(self):
        self.start()
        self.assertEqual(self.post(iter([BODY[:7], BODY[7:]]))[0].status, 200)
        self.assertEqual(self.receiver.wait_for("request")["bytes"], len(BODY))

    def test_a_connection_is_kept(self):
        self.start()
        connection = self.connect()
        self.assertEqual([self.post(connection=connection)[0].status for _ in range(3)], [200] * 3)
        self.assertEqual(
            [self.receiver.wait_for("request")["connection"] for _ in range(3)], [0] * 3
        )

    def test_logs_and_traces(self):
        self.start(None, "--traces-path", "/other")
        logs, traces = ExportLogsServiceRequest(), ExportTraceServiceRequest()
        logs.resource_logs.add().scope_logs.add().log_records.add()
        traces.resource_spans.add().scope_spans.add().spans.add()
        self.assertEqual(self.post(logs.SerializeToString(), "/v1/logs")[0].status, 200)
        self.assertEqual(self.post(traces.SerializeToString(), "/other")[0].status, 200)
        self.assertEqual(self.post(path="/v1/traces")[0].status, 404)
        for signal in ("logs", "traces"):
            record = self.receiver.wait_for("request")
            self.assertEqual((record["signal"], record["points"]), (signal, 1))

    def test_is_strict(self):
        self.start()
        empty = samples.empty()
        unknown = BODY + b"\x98\x06\x01"
        for body, headers, says in [
            (BODY, {**HEADERS, "Content-Type": "application/json"}, "content-type"),
            (BODY, {"Content-Type": HEADERS["Content-Type"]}, "no user-agent"),
            (b"\xff\xff", HEADERS, "body is no ExportMetricsServiceRequest"),
            (b"", HEADERS, "ExportMetricsServiceRequest is empty"),
            (empty.SerializeToString(), HEADERS, "ScopeMetrics is empty"),
            (unknown, HEADERS, "fields that the protocol does not"),
            (BODY, {**HEADERS, "Content-Encoding": "gzip"}, "not gzip"),
            (BODY, {**HEADERS, "Content-Encoding": "zstd"}, "content-encoding 'zstd'"),
        ]:
            with self.subTest(says=says):
                answer, body = self.post(body, headers=headers)
                self.assertEqual(answer.status, 400)
                self.assertIn(says, Status.FromString(body).message)
                self.assertIn(says, " ".join(self.receiver.wait_for("request")["errors"]))

    def test_only_what_is_posted_is_served(self):
        self.start()
        connection = self.connect()
        connection.request("GET", "/v1/metrics")
        self.assertEqual(connection.getresponse().status, 405)
        self.assertEqual(self.receiver.wait_for("not_served")["status"], 405)

    def test_the_script_goes_on_and_the_last_entry_stays(self):
        self.start([{"do": "fail", "status": 429}, {"do": "accept"}, {"do": "fail", "status": 502}])
        self.assertEqual([self.post()[0].status for _ in range(4)], [429, 200, 502, 502])
        self.receiver.command("script", script=[{"do": "accept"}])
        self.assertEqual(self.post()[0].status, 200)

    def test_partial_success(self):
        self.start(
            [
                {"do": "partial", "rejected": 3, "message": "too old"},
                {"do": "partial", "message": "a warning"},
            ]
        )
        for rejected, message in ((3, "too old"), (0, "a warning")):
            partial = ExportMetricsServiceResponse.FromString(self.post()[1]).partial_success
            self.assertEqual(
                (partial.rejected_data_points, partial.error_message), (rejected, message)
            )

    def test_failures(self):
        self.start(
            [
                {"do": "fail", "status": 503, "retry_after": 7, "message": "full"},
                {"do": "fail", "status": 429, "retry_after": 7, "retry_date": True},
                {"do": "fail", "retry_after": "soon"},
                {"do": "fail", "status": 307, "headers": {"Location": "/elsewhere"}},
            ]
        )
        answer, body = self.post()
        self.assertEqual((answer.status, answer.getheader("retry-after")), (503, "7"))
        self.assertEqual(Status.FromString(body).message, "full")
        answer, _ = self.post()
        date = email.utils.parsedate_to_datetime(answer.getheader("retry-after")).timestamp()
        self.assertLess(abs(date - time.time() - 7), 3)
        answer, _ = self.post()
        self.assertEqual((answer.status, answer.getheader("retry-after")), (503, "soon"))
        answer, _ = self.post()
        self.assertEqual((answer.status, answer.getheader("location")), (307, "/elsewhere"))

    def test_hangs_until_the_client_gives_up(self):
        self.start([{"do": "hang"}, {"do": "accept"}])
        with self.assertRaises(TimeoutError):
            connection = self.connect(timeout=0.2)
            self.post(connection=connection)
        connection.close()
        self.assertGreater(self.receiver.wait_for("gave_up")["after"], 0.1)
        self.assertEqual(self.post()[0].status, 200)

    def test_resets_in_the_middle_of_the_body(self):
        self.start([{"do": "reset"}])
        with socket.create_connection(("127.0.0.1", self.receiver.http), PATIENCE) as plain:
            head = f"POST /v1/metrics HTTP/1.1\r\nHost: a\r\nContent-Length: {1 << 20}\r\n\r\n"
            plain.sendall(head.encode() + bytes(1 << 19))
            with self.assertRaises(ConnectionResetError):
                plain.recv(1)
        self.assertEqual(self.receiver.wait_for("reset")["read"], 1 << 19)

    def test_closes_without_an_answer(self):
        self.start([{"do": "close"}])
        with self.assertRaises(http.client.RemoteDisconnected):
            self.post()
        self.receiver.wait_for("request")

    def test_garbage(self):
        self.start([{"do": "garbage"}])
        answer, body = self.post()
        self.assertEqual(answer.status, 200)
        with self.assertRaises(Exception):
            ExportMetricsServiceResponse.FromString(body)

    def test_slow(self):
        self.start([{"do": "slow", "seconds": 0.3}])
        began = time.monotonic()
        self.assertEqual(self.post()[0].status, 200)
        self.assertGreaterEqual(time.monotonic() - began, 0.3)

    def test_huge_answers(self):
        self.start([{"do": "huge", "bytes": 1 << 20}, {"do": "huge"}])
        _, body = self.post()
        self.assertEqual(
            len(ExportMetricsServiceResponse.FromString(body).partial_success.error_message),
            1 << 20,
        )
        record = self.receiver.wait_for("huge_answer")
        self.assertEqual(record["sent"], record["of"])
        connection = self.connect()
        connection.request("POST", "/v1/metrics", BODY, HEADERS)
        connection.getresponse().close()
        connection.close()
        record = self.receiver.wait_for("huge_answer")
        self.assertLess(record["sent"], record["of"])

    def test_refuses_and_listens_again(self):
        self.start()
        connection = self.connect()
        self.assertEqual(self.post(connection=connection)[0].status, 200)
        self.receiver.command("stop_listening", transport="http")
        with self.assertRaises(ConnectionRefusedError):
            self.post()
        with self.assertRaises((http.client.RemoteDisconnected, ConnectionError)):
            self.post(connection=connection)
        self.receiver.command("listen")
        self.assertEqual(self.post()[0].status, 200)

    def test_commands_that_make_no_sense_are_refused(self):
        self.start()
        for line, says in [
            ("{", "Expecting"),
            ('{"command": "dance"}', "command must be"),
            ('{"command": "script", "script": []}', "at least one"),
            ('{"command": "script", "script": [{"do": "sing"}]}', "must be one of"),
            ('{"command": "script", "script": [{"do": "slow", "secs": 1}]}', "slow has no secs"),
            ('{"command": "listen", "transport": "udp"}', "transport must be"),
        ]:
            self.receiver.say(line)
            self.assertIn(says, self.receiver.wait_for("refused")["error"])
        self.assertEqual(self.post()[0].status, 200)

    def test_records_can_go_to_a_file(self):
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / "records"
            self.start(None, "--records", str(path))
            self.post()
            self.assertEqual(self.receiver.end(), 0)
            self.assertIn('"event": "request"', path.read_text())

    def test_ends_with_its_input_even_as_clients_wait(self):
        self.start([{"do": "hang"}])
        connection = self.connect()
        connection.request("POST", "/v1/metrics", BODY, HEADERS)
        self.receiver.wait_for("request")
        self.assertEqual(self.receiver.end(), 0)


if __name__ == "__main__":
    unittest.main()
