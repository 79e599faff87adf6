"""PyTorch, whose own profiler counts what it asks of the driver.

As a program: `frameworks.py NAME [profile]` does the work of one check.
"""

import json
import subprocess
import sys

from driver import BYTES, CALLS
from outcome import Outcome, skipped

MEBIBYTE = 1 << 20
REPLAYS = 500
COPIES = 100


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


WORK = {"adds": adds, "products": products, "graphs": graphs, "copies": copies}
LAUNCHES = ("cudaLaunchKernel", "cuLaunchKernel")


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
    wanted = (CALLS, {"operation": "kernel_launch"})
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


CHECKS = [check_launches, check_graphs, check_copies]

if __name__ == "__main__":
    WORK["nothing"] = lambda torch: {}
    print(json.dumps(do(sys.argv[1], "profile" in sys.argv[2:])))
