"""Receives OTLP, and answers as a script says. README.md tells how."""

import argparse
import json
import os
import sys

from receiving.commands import obey
from receiving.receiver import Receiver


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--script", type=json.loads, default=[{"do": "accept"}], help="JSON, a list of behaviours"
    )
    parser.add_argument("--records", help="file for the records, instead of standard output")
    parser.add_argument("--save", help="directory for the decoded bodies of requests")
    parser.add_argument("--messages", action="store_true", help="records have the messages as JSON")
    parser.add_argument("--metrics-path", default="/v1/metrics")
    parser.add_argument("--logs-path", default="/v1/logs")
    parser.add_argument("--traces-path", default="/v1/traces")
    parser.add_argument("--certificate", help="PEM of the server; both ports speak TLS then")
    parser.add_argument("--key", help="PEM of its key")
    parser.add_argument("--client-ca", help="PEM; clients must have a certificate of it then")
    options = parser.parse_args()
    if bool(options.certificate) != bool(options.key) or (options.client_ca and not options.key):
        parser.error("--certificate and --key belong together, and --client-ca needs both")
    return options


def main():
    receiver = Receiver(arguments())
    receiver.listen()
    receiver.recorder.answer("ready", **receiver.ports())
    obey(sys.stdin, receiver)
    receiver.stop()
    sys.stdout.flush()
    # Threads may still wait for clients; there is nothing more to say to them.
    os._exit(0)


if __name__ == "__main__":
    main()
