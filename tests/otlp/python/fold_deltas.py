"""Adds up delta exports, in the order given, to a cumulative one. README.md tells how."""

import argparse
import sys
from pathlib import Path

from comparing import requests
from comparing.folding import Folding


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("requests", nargs="+", help="files, each with one request")
    parser.add_argument(
        "--delimited",
        action="store_true",
        help="files have several requests, each after its length",
    )
    parser.add_argument("--restarts", action="store_true", help="a gap begins the series anew")
    parser.add_argument("--out", required=True, help="file for the one request that has the totals")
    options = parser.parse_args()
    folding = Folding(options.restarts)
    found = requests.read(options.requests, options.delimited)
    for request in found:
        folding.add(request)
    total = folding.total()
    Path(options.out).write_bytes(total.SerializeToString())
    for each in folding.said:
        print(each)
    if folding.said:
        return 1
    print(f"folded {len(found)} requests")
    return 0


if __name__ == "__main__":
    sys.exit(main())
