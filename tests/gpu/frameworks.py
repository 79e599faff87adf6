"""PyTorch, whose own profiler counts what it asks of the driver.

As a program: `frameworks.py NAME [profile]` does the work of one check.
"""

import json
import os
import subprocess
import sys

from driver import BYTES, CALLS, OUTSTANDING
from outcome import Outcome, skipped

MEBIBYTE = 1 << 20
REPLAYS = 500
COPIES = 100
TRITON = 300
TENSOR = 32 << 20
TENSORS = 8

# How PyTorch is told to allocate, what of Geophone's then is its memory, and which figure of
# its own that is.
ALLOCATORS = [
    ("", "device", "reserved"),
    ("expandable_segments:True", "virtual", "reserved"),
    ("backend:cudaMallocAsync", "pool", "allocated"),
]


def adds(torch):
    x = torch.ones(1024, device="cuda")
    for _ in range(1000):
        x = x + 1
    return {}


def products(torch):
    x = torch.ones(256, 256, device="cuda")
    for _ in range(200):
        x = x @ x * 1e-3
    return {}


def graphs(torch):
    x = torch.ones(1024, device="cuda")
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        y = x * 2
        y = y + 1
    for _ in range(REPLAYS):
        graph.replay()
    return {}


def copies(torch):
    here = torch.ones(MEBIBYTE // 4).pin_memory()
    for _ in range(COPIES):
        there = here.to("cuda", non_blocking=True)
    del there
    return {}


def triton(torch):
    from kernels import add

    x = torch.ones(1024, device="cuda")
    for _ in range(TRITON):
        add[(1,)](x, x, 1024)
    return {}


def tensors(torch):
    """Keeps memory until it is told to end."""
    kept = [torch.empty(TENSOR, dtype=torch.uint8, device="cuda") for _ in range(TENSORS)]
    seen = {"reserved": torch.cuda.memory_reserved(), "allocated": torch.cuda.memory_allocated()}
    print(json.dumps(seen), flush=True)
    sys.stdin.read()
    del kept
    return {}


WORK = {
    "adds": adds,
    "products": products,
    "graphs": graphs,
    "copies": copies,
    "triton": triton,
    "tensors": tensors,
}
LAUNCHES = ("cudaLaunchKernel", "cuLaunchKernel")
LAUNCH = {"operation": "kernel_launch"}


def do(name, profile):
    import torch

    torch.ones(1, device="cuda")
    torch.cuda.synchronize()
    if not profile:
        seen = WORK[name](torch)
        torch.cuda.synchronize()
        return seen
    from torch.profiler import ProfilerActivity
    from torch.profiler import profile as profiler

    with profiler(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as profiled:
        WORK[name](torch)
        torch.cuda.synchronize()
    events = profiled.key_averages()
    # The runtime's launches call the driver's: the one name or the other, never both.
    by_name = {event.key: event.count for event in events if event.key.startswith(LAUNCHES)}
    return {"launches": sum(by_name.values()), "by_name": by_name}


def run(name, *more):
    def work():
        command = [sys.executable, __file__, name, *more]
        done = subprocess.run(command, stdout=subprocess.PIPE, timeout=300, check=True)
        return json.loads(done.stdout.splitlines()[-1])

    return work


def available():
    probe = "import torch, sys; sys.exit(0 if torch.cuda.is_available() else 1)"
    return subprocess.run([sys.executable, "-c", probe], stderr=subprocess.DEVNULL).returncode == 0


def check_launches(geophone):
    if not available():
        yield skipped("PyTorch", "it is not installed, or sees no GPU")
        return
    wanted = (CALLS, LAUNCH)
    # What a process launches before its work is the same with and without the work.
    _, [idle] = geophone.gains(run("nothing"), wanted)
    for name in ["adds", "products"]:
        profiled = run(name, "profile")()
        _, [counted] = geophone.gains(run(name), wanted)
        yield Outcome(f"launches of {name} {profiled['by_name']}", profiled["launches"], counted - idle)


def check_graphs(geophone):
    if not available():
        return
    wanted = (CALLS, {"operation": "graph_launch"})
    _, [counted] = geophone.gains(run("graphs"), wanted)
    yield Outcome("replays of a graph", REPLAYS, counted)


def check_copies(geophone):
    if not available():
        return
    directions = ["host_to_device", "unknown"]
    wanted = [(BYTES, {"direction": direction}) for direction in directions]
    _, idle = geophone.gains(run("nothing"), *wanted)
    _, counted = geophone.gains(run("copies"), *wanted)
    yield Outcome("bytes copied", COPIES * MEBIBYTE, sum(counted) - sum(idle))


def check_triton(geophone):
    probe = [sys.executable, "-c", "import triton"]
    if not available() or subprocess.run(probe, stderr=subprocess.DEVNULL).returncode:
        yield skipped("launches of Triton", "it is not installed")
        return
    wanted = (CALLS, LAUNCH)
    _, [idle] = geophone.gains(run("nothing"), wanted)
    _, [counted] = geophone.gains(run("triton"), wanted)
    # One fills the tensor.
    yield Outcome("launches of Triton", TRITON + 1, counted - idle)


def check_allocators(geophone):
    if not available():
        return
    for settings, kind, figure in ALLOCATORS:
        environment = {**os.environ, "PYTORCH_CUDA_ALLOC_CONF": settings}
        command = [sys.executable, __file__, "tensors"]

        def hold():
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
            process = subprocess.Popen(command, env=environment, **pipes)
            return process, json.loads(process.stdout.readline())

        (process, seen), [held] = geophone.gains(hold, (OUTSTANDING, {"kind": kind}))
        yield Outcome(f"memory of PyTorch's allocator {settings!r}", seen[figure], held, tolerance=0.02)
        process.communicate(timeout=60)


CHECKS = [check_launches, check_graphs, check_copies, check_triton, check_allocators]

if __name__ == "__main__":
    WORK["nothing"] = lambda torch: {}
    print(json.dumps(do(sys.argv[1], "profile" in sys.argv[2:])))
