"""Calls of the driver by its own interface, as many as are told, each in a process of its own.

As a program: `driver.py NAME [COUNT]` does the work of one check and prints what it saw.
"""

import ctypes
import json
import subprocess
import sys
import time

from outcome import Outcome

CALLS = "geophone_cuda_calls_total"
BYTES = "geophone_cuda_bytes_total"
ERRORS = "geophone_cuda_errors_total"
OUTSTANDING = "geophone_cuda_memory_outstanding_bytes"
DURATION = "geophone_cuda_call_duration_seconds"

LAUNCHES = 100_000
COPIES = 100
ALLOCATIONS = 100
MEBIBYTE = 1 << 20
OUT_OF_MEMORY = 2
ILLEGAL_ADDRESS = 700
WAIT = 0.05
WAITS = 20
# Of managed memory, and how often the GPU and the host write it in turns.
MANAGED = 64 << 20
ROUNDS = 5

# Kernels that do nothing, wait for a number of nanoseconds, and write where nothing is.
PTX = b"""
.version 7.0
.target sm_50
.address_size 64
.visible .entry nothing() { ret; }
.visible .entry wait(.param .u64 time) {
  .reg .u64 %begin, %now, %time; .reg .pred %p;
  ld.param.u64 %time, [time]; mov.u64 %begin, %globaltimer;
again: mov.u64 %now, %globaltimer; sub.u64 %now, %now, %begin;
  setp.lt.u64 %p, %now, %time; @%p bra again; ret; }
.visible .entry wrong() { .reg .u64 %a; mov.u64 %a, 64; st.global.u32 [%a], 1; ret; }
\0"""


class Gpu:
    """The first GPU, with a context."""

    def __init__(self):
        self.library = ctypes.CDLL("libcuda.so.1")
        self.call("cuInit", 0)
        device, self.context = ctypes.c_int(), ctypes.c_void_p()
        self.call("cuDeviceGet", ctypes.byref(device), 0)
        self.call("cuCtxCreate_v2", ctypes.byref(self.context), 0, device)
        self.module = ctypes.c_void_p()
        self.call("cuModuleLoadData", ctypes.byref(self.module), PTX)

    def tried(self, name, *arguments):
        return getattr(self.library, name)(*arguments)

    def call(self, name, *arguments):
        error = self.tried(name, *arguments)
        if error:
            raise SystemExit(f"{name}: error {error}")

    def kernel(self, name):
        function = ctypes.c_void_p()
        self.call("cuModuleGetFunction", ctypes.byref(function), self.module, name)
        return function

    def launch(self, kernel, parameters=None, name="cuLaunchKernel"):
        self.call(name, kernel, 1, 1, 1, 1, 1, 1, 0, None, parameters, None)

    def allocate(self, size):
        pointer = ctypes.c_void_p()
        self.call("cuMemAlloc_v2", ctypes.byref(pointer), ctypes.c_size_t(size))
        return pointer


def launches(gpu, count, name="cuLaunchKernel"):
    kernel = gpu.kernel(b"nothing")
    for _ in range(10):
        gpu.launch(kernel, name=name)
    gpu.call("cuCtxSynchronize")
    begin = time.perf_counter()
    for _ in range(count):
        gpu.launch(kernel, name=name)
    taken = time.perf_counter() - begin
    gpu.call("cuCtxSynchronize")
    return {"launches": count + 10, "seconds": taken}


def copies(gpu, count):
    here, there = ctypes.create_string_buffer(MEBIBYTE), gpu.allocate(MEBIBYTE)
    size = ctypes.c_size_t(MEBIBYTE)
    for _ in range(count):
        gpu.call("cuMemcpyHtoD_v2", there, here, size)
        gpu.call("cuMemcpyDtoH_v2", here, there, size)
        gpu.call("cuMemcpyHtoDAsync_v2", there, here, size, None)
    gpu.call("cuCtxSynchronize")
    return {"bytes": count * MEBIBYTE}


def too_much(gpu, _):
    pointer = ctypes.c_void_p()
    return {"error": gpu.tried("cuMemAlloc_v2", ctypes.byref(pointer), ctypes.c_size_t(1 << 50))}


def waits(gpu, count):
    """As many by each of three functions."""
    kernel, time_ = gpu.kernel(b"wait"), ctypes.c_uint64(int(WAIT * 1e9))
    parameters = (ctypes.c_void_p * 1)(ctypes.addressof(time_))
    event = ctypes.c_void_p()
    gpu.call("cuEventCreate", ctypes.byref(event), 0)
    for function, argument in [
        ("cuStreamSynchronize", [None]),
        ("cuCtxSynchronize", []),
        ("cuEventSynchronize", [event]),
    ]:
        for _ in range(count):
            gpu.launch(kernel, parameters)
            gpu.call("cuEventRecord", event, None)
            gpu.call(function, *argument)
    return {"waits": count}


def wrong_launch(gpu, _):
    """More threads in a block than any GPU has."""
    arguments = [gpu.kernel(b"nothing"), 1, 1, 1, 1 << 20, 1, 1, 0, None, None, None]
    return {"error": gpu.tried("cuLaunchKernel", *arguments)}


def allocations(gpu, count):
    """Leaves half of what it allocated until it is told to end."""
    pointers_ = [gpu.allocate(MEBIBYTE) for _ in range(count)]
    for pointer in pointers_[::2]:
        gpu.call("cuMemFree_v2", pointer)
    print(json.dumps({"bytes": (count - len(pointers_[::2])) * MEBIBYTE}), flush=True)
    sys.stdin.read()
    return {}


def managed(gpu, rounds):
    pointer, attach_global = ctypes.c_void_p(), 1
    gpu.call("cuMemAllocManaged", ctypes.byref(pointer), ctypes.c_size_t(MANAGED), attach_global)
    for value in range(rounds):
        ctypes.memset(pointer, value, MANAGED)
        gpu.call("cuMemsetD8_v2", pointer, value, ctypes.c_size_t(MANAGED))
        gpu.call("cuCtxSynchronize")
    return {}


def fault(gpu, _):
    gpu.launch(gpu.kernel(b"wrong"))
    return {"error": gpu.tried("cuCtxSynchronize")}


# Names that cuGetProcAddress is asked for, and what it hands out, with the streams of a process
# and those of each thread.
HANDED_OUT = [
    ("cuLaunchKernel", "cuLaunchKernel", "cuLaunchKernel_ptsz"),
    ("cuLaunchKernelEx", "cuLaunchKernelEx", "cuLaunchKernelEx_ptsz"),
    ("cuGraphLaunch", "cuGraphLaunch", "cuGraphLaunch_ptsz"),
    ("cuMemAlloc", "cuMemAlloc_v2", "cuMemAlloc_v2"),
    ("cuMemcpyHtoD", "cuMemcpyHtoD_v2", "cuMemcpyHtoD_v2_ptds"),
    ("cuStreamSynchronize", "cuStreamSynchronize", "cuStreamSynchronize_ptsz"),
]
# CU_GET_PROC_ADDRESS_LEGACY_STREAM and CU_GET_PROC_ADDRESS_PER_THREAD_DEFAULT_STREAM
MODES = [1, 2]


def pointers(gpu, _):
    """Functions that cuGetProcAddress does not hand out as they are exported."""
    other = []
    for name, *by_mode in HANDED_OUT:
        for mode, exported in zip(MODES, by_mode):
            handed, status = ctypes.c_void_p(), ctypes.c_int()
            asked = [name.encode(), ctypes.byref(handed), 12000, ctypes.c_uint64(mode)]
            error = gpu.tried("cuGetProcAddress_v2", *asked, ctypes.byref(status))
            address = ctypes.cast(getattr(gpu.library, exported), ctypes.c_void_p).value
            if error or handed.value != address:
                other.append(exported)
    return {"other": other}


WORK = {
    "launches": launches,
    "launches_ptsz": lambda gpu, count: launches(gpu, count, "cuLaunchKernel_ptsz"),
    "copies": copies,
    "too_much": too_much,
    "waits": waits,
    "wrong_launch": wrong_launch,
    "allocations": allocations,
    "managed": managed,
    "fault": fault,
    "pointers": pointers,
}


def work(name, count=0):
    """Does the work in a process of its own, and gives what it printed."""

    def run():
        command = [sys.executable, __file__, name, str(count)]
        done = subprocess.run(command, stdout=subprocess.PIPE, timeout=300, check=True)
        return json.loads(done.stdout)

    return run


def check_pointers(_):
    yield Outcome("functions that cuGetProcAddress gives otherwise", [], work("pointers")()["other"])


def check_launches(geophone):
    for name in ["launches", "launches_ptsz"]:
        wanted = (CALLS, {"operation": "kernel_launch"})
        seen, [counted] = geophone.gains(work(name, LAUNCHES), wanted)
        yield Outcome(f"{name} counted", seen["launches"], counted)
        each = seen["seconds"] / LAUNCHES * 1e9
        print(f"info  {name}: {each:.0f} ns each, Python's own included")


def check_copies(geophone):
    wanted = [(BYTES, {"direction": way}) for way in ["host_to_device", "device_to_host"]]
    seen, [down, up] = geophone.gains(work("copies", COPIES), *wanted)
    yield Outcome("bytes from the device", seen["bytes"], up)
    # Each of them once in a waiting and once in an asynchronous call.
    yield Outcome("bytes to the device", 2 * seen["bytes"], down)


def check_errors(geophone):
    wanted = (ERRORS, {"error": "out_of_memory"})
    seen, [counted] = geophone.gains(work("too_much"), wanted)
    yield Outcome("an allocation of too much is refused", OUT_OF_MEMORY, seen["error"])
    yield Outcome("refused allocations counted", 1, counted)


def check_waits(geophone):
    operations = ["stream_synchronize", "context_synchronize", "event_synchronize"]
    parts = [f"{DURATION}_{part}" for part in ["count", "sum"]]
    wanted = [(part, {"operation": operation}) for operation in operations for part in parts]
    seen, gained = geophone.gains(work("waits", WAITS), *wanted)
    for operation, count, total in zip(operations, gained[::2], gained[1::2]):
        yield Outcome(f"waits counted as {operation}", seen["waits"], count)
        yield Outcome(f"seconds of {operation}", WAITS * WAIT, total, tolerance=0.02)


def check_wrong_launch(geophone):
    """What a launch returns is not looked at: it counts as any other."""
    wanted = (CALLS, {"operation": "kernel_launch"})
    seen, [counted] = geophone.gains(work("wrong_launch"), wanted)
    yield Outcome("a launch that no GPU can do is refused", True, seen["error"] != 0)
    yield Outcome("and counted as a launch", 1, counted)


def check_cost(geophone):
    """Launches beside those of a process that nobody looks at: no more than is said."""
    looked_at = work("launches", LAUNCHES)()["seconds"]
    geophone.stop()
    alone = work("launches", LAUNCHES)()["seconds"]
    each = (looked_at - alone) / LAUNCHES * 1e9
    print(f"info  a launch costs {each:.0f} ns more than {alone / LAUNCHES * 1e9:.0f} ns")
    yield Outcome("a launch costs less than 2,000 ns more", True, each < 2000)


def check_memory(geophone):
    wanted = (OUTSTANDING, {"kind": "device"})
    command = [sys.executable, __file__, "allocations", str(ALLOCATIONS)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}

    def hold():
        process = subprocess.Popen(command, **pipes)
        return process, json.loads(process.stdout.readline())["bytes"]

    (process, kept), [held] = geophone.gains(hold, wanted)
    yield Outcome("bytes outstanding", kept, held)
    _, [released] = geophone.gains(lambda: process.communicate(timeout=60), wanted)
    yield Outcome("bytes that go with their process", -kept, released)


def check_fault(geophone):
    """An ordinary fault of an application, which ends its own context."""
    wanted = (ERRORS, {"error": "illegal_address"})
    seen, [counted] = geophone.gains(work("fault"), wanted)
    yield Outcome("a write to nowhere is reported", ILLEGAL_ADDRESS, seen["error"])
    yield Outcome("illegal addresses counted", True, counted >= 1)


CHECKS = [
    check_pointers,
    check_launches,
    check_copies,
    check_memory,
    check_errors,
    check_waits,
    check_wrong_launch,
    check_cost,
]

if __name__ == "__main__":
    print(json.dumps(WORK[sys.argv[1]](Gpu(), int(sys.argv[2]))))
