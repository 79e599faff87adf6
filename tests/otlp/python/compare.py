"""Compares OTLP requests with Geophone's page of the same snapshot. README.md tells how."""

import argparse
import re
import sys
from pathlib import Path

from comparing import against_page, exported, invariants, requests
from comparing.names import Names
from comparing.page import Page

REFERENCE = Path(__file__).resolve().parents[3] / "docs/metrics.md"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("requests", nargs="+", help="files, each with one request")
    parser.add_argument(
        "--delimited",
        action="store_true",
        help="files have several requests, each after its length",
    )
    parser.add_argument("--page", help="Prometheus text 0.0.4 or OpenMetrics 1.0 to compare with")
    parser.add_argument("--protobuf", help="delimited Prometheus protobuf to compare with")
    parser.add_argument(
        "--reference", default=REFERENCE, help="docs/metrics.md, for names that no rule gives"
    )
    parser.add_argument(
        "--name",
        action="append",
        default=[],
        metavar="OTLP=PROMETHEUS",
        help="a name that no rule gives",
    )
    parser.add_argument(
        "--temporality", choices=["cumulative", "delta", "any"], default="cumulative"
    )
    parser.add_argument(
        "--tolerance",
        type=float,
        default=0.0,
        help="relative, of values and sums (folded deltas of floats)",
    )
    parser.add_argument(
        "--no-starts", action="store_true", help="starts may differ from the protobuf page's"
    )
    parser.add_argument(
        "--ignore", metavar="REGEX", help="Prometheus names of metrics to leave out"
    )
    parser.add_argument(
        "--resource", help="resource attributes that must be there, with commas between"
    )
    return parser.parse_args()


def main():
    options = arguments()
    found = requests.read(options.requests, options.delimited)
    resource = options.resource.split(",") if options.resource is not None else invariants.RESOURCE
    said = list(invariants.check(found, options.temporality, [key for key in resource if key]))
    names = Names(Path(options.reference).read_text(), (pair.split("=") for pair in options.name))
    metrics, wrong = exported.collect(found, names)
    said += wrong
    pattern = re.compile(options.ignore) if options.ignore else None
    ignore = (lambda name: bool(pattern.search(name))) if pattern else (lambda name: False)
    if options.page:
        page = Page(Path(options.page).read_text())
        said += page.said
        said += against_page.text(metrics, page, options.tolerance, ignore)
    if options.protobuf:
        data = Path(options.protobuf).read_bytes()
        said += against_page.protobuf(metrics, data, ignore, starts=not options.no_starts)
    compared = [len(metric.points) for name, metric in metrics.items() if not ignore(name)]
    if not sum(compared):
        said.append("no series: nothing was compared")
    for each in said:
        print(each)
    if said:
        return 1
    print(f"the same: {sum(compared)} series of {len(compared)} metrics")
    return 0


if __name__ == "__main__":
    sys.exit(main())
