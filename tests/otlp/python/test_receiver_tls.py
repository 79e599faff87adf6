import http.client
import ssl
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import grpc
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2_grpc import MetricsServiceStub

import samples
from process import HERE, PATIENCE, Receiver

REQUEST = samples.export()
HEADERS = {"Content-Type": "application/x-protobuf", "User-Agent": "test/1"}


class Tls(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        made = tempfile.TemporaryDirectory()
        cls.addClassCleanup(made.cleanup)
        cls.directory = Path(made.name)
        subprocess.run([sys.executable, HERE / "certificates.py", cls.directory], check=True)

    def file(self, stem):
        return str(self.directory / f"{stem}.pem")

    def start(self, certificate="server", client_ca=None):
        arguments = [
            "--certificate",
            self.file(certificate),
            "--key",
            self.file(f"{certificate}-key"),
        ]
        if client_ca:
            arguments += ["--client-ca", self.file(client_ca)]
        self.receiver = Receiver(None, *arguments)
        self.addCleanup(self.receiver.end)

    def post(self, ca="ca", client=None, host="localhost"):
        context = ssl.create_default_context(cafile=self.file(ca))
        if client:
            context.load_cert_chain(self.file(client), self.file(f"{client}-key"))
        connection = http.client.HTTPSConnection(
            host, self.receiver.http, timeout=PATIENCE, context=context
        )
        self.addCleanup(connection.close)
        connection.request("POST", "/v1/metrics", REQUEST.SerializeToString(), HEADERS)
        return connection.getresponse().status

    def export(self, ca="ca", client=None, request=REQUEST):
        def pem(stem):
            return (self.directory / f"{stem}.pem").read_bytes()

        pair = (pem(f"{client}-key"), pem(client)) if client else (None, None)
        credentials = grpc.ssl_channel_credentials(pem(ca), *pair)
        options = [("grpc.enable_retries", 0)]
        with grpc.secure_channel(
            f"localhost:{self.receiver.grpc}", credentials, options
        ) as channel:
            return MetricsServiceStub(channel).Export(request, timeout=PATIENCE)

    def test_a_server_of_the_ca(self):
        self.start()
        self.assertEqual(self.post(), 200)
        self.assertEqual(self.post(host="127.0.0.1"), 200)
        self.export()
        self.assertEqual([self.receiver.wait_for("request")["errors"] for _ in range(3)], [[]] * 3)

    def test_long_messages(self):
        self.start()
        request = samples.empty()
        samples.counter(request).description = "x" * (3 << 20)
        self.export(request=request)
        self.assertEqual(self.receiver.wait_for("request")["wire_bytes"], request.ByteSize())

    def test_servers_that_must_not_be_trusted(self):
        for certificate, ca in (("server", "other-ca"), ("expired", "ca"), ("elsewhere", "ca")):
            with self.subTest(certificate=certificate, ca=ca):
                self.start(certificate)
                with self.assertRaises(ssl.SSLCertVerificationError):
                    self.post(ca)
                self.receiver.wait_for("handshake_failed")
                with self.assertRaises(grpc.RpcError):
                    self.export(ca)

    def test_clients_of_the_ca(self):
        self.start(client_ca="ca")
        self.assertEqual(self.post(client="client"), 200)
        self.export(client="client")
        self.assertEqual(
            [self.receiver.wait_for("request")["client"] for _ in range(2)], ["client"] * 2
        )

    def test_clients_that_must_not_be_served(self):
        for client in (None, "stranger"):
            with self.subTest(client=client):
                self.start(client_ca="ca")
                # TLS 1.3 tells a client of this only after its handshake.
                with self.assertRaises(OSError):
                    self.post(client=client)
                self.assertEqual(self.receiver.wait_for("handshake_failed")["transport"], "http")
                with self.assertRaises(grpc.RpcError):
                    self.export(client=client)
                self.assertEqual(self.receiver.wait_for("handshake_failed")["transport"], "grpc")
                self.assertNotIn("request", [record["event"] for record in self.receiver.seen])


if __name__ == "__main__":
    unittest.main()
