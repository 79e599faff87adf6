#!/usr/bin/env python3
"""Holds `cuda`, `cudart`, `nvidia` and `nvidia_uvm` against what is known to happen on a machine with an NVIDIA GPU.

Run it as root, with nothing else on the GPU:  tests/gpu/run.py [path of geophone]
Needs Python 3.9 and the driver; what needs PyTorch is skipped where that is missing.
Prints what the driver library looks like, then a line for each check, and exits with 1 if
one failed. No check resets the GPU or takes more than 1 GiB of its memory.
"""

import sys
from pathlib import Path

import census
import daemon
import driver
import frameworks
import kernel
import runtime

BINARY = Path(__file__).resolve().parents[2] / "target/release/geophone"


def main():
    binary = Path(sys.argv[1]) if len(sys.argv) > 1 else BINARY
    library = census.find()
    if library is None:
        sys.exit("there is no libcuda.so.1 on this machine")
    census.report(library)
    failed = 0
    # What provokes a fault comes last.
    last = [driver.check_fault, kernel.check_xid]
    for check in [*driver.CHECKS, *runtime.CHECKS, *frameworks.CHECKS, *kernel.CHECKS, *last]:
        # One daemon each: what one check leaves behind is none of the next one's.
        try:
            with daemon.Daemon(binary) as geophone:
                for outcome in check(geophone):
                    failed += outcome.failed()
                    print(outcome, flush=True)
        except Exception as error:  # pylint: disable=broad-except
            failed += 1
            print(f"FAIL  {check.__module__}.{check.__name__}: {error}", flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
