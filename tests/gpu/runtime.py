"""The CUDA runtime, whose calls are calls of the driver: counted once each, on either side.

Programs that are compiled need nvcc; the shared library is taken from wherever there is one.
As a program: `runtime.py LIBRARY COUNT` launches by that library.
"""

import ctypes
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from daemon import until
from driver import CALLS, LAUNCHES, PTX
from outcome import Outcome, skipped

PROBES = "geophone_library_probes"
RUNTIME_CALLS = "geophone_cudart_calls_total"
LAUNCH = {"operation": "kernel_launch"}

SOURCE = """
#include <cstdio>
#include <cstdlib>
#include <cuda_runtime.h>
__global__ void nothing() {}
int main(int, char **argument) {
    puts("");
    fflush(stdout);
    getchar();
    for (int left = atoi(argument[1]); left; left--)
        nothing<<<1, 1>>>();
    return cudaDeviceSynchronize();
}
"""


class Dim3(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint) for name in "xyz"]


def ready():
    """Tells that the library is there, and waits until it is looked at."""
    print(flush=True)
    sys.stdin.readline()


def launches(path, count):
    """By handles of kernels, which the runtime has since 12.8."""
    library = ctypes.CDLL(path)
    ready()

    def call(name, *arguments):
        error = getattr(library, name)(*arguments)
        if error:
            raise SystemExit(f"{name}: error {error}")

    code, kernel, one = ctypes.c_void_p(), ctypes.c_void_p(), Dim3(1, 1, 1)
    call("cudaLibraryLoadData", ctypes.byref(code), PTX, None, None, 0, None, None, 0)
    call("cudaLibraryGetKernel", ctypes.byref(kernel), code, b"nothing")
    for _ in range(count):
        call("cudaLaunchKernel", kernel, one, one, None, ctypes.c_size_t(0), None)
    call("cudaDeviceSynchronize")


def shared():
    """The shared library of the runtime, of the toolkit or of a Python package."""
    places = [Path("/usr/local/cuda/lib64"), Path("/usr/lib/x86_64-linux-gnu")]
    places += [Path(each) / "nvidia" for each in sys.path]
    for place in places:
        for file in sorted(place.glob("**/libcudart.so.*")):
            version = re.search(r"so\.(\d+)", file.name)
            if version and int(version[1]) >= 12 and has_handles(file):
                return str(file)
    return None


def has_handles(file):
    """Whether it launches kernels by handles: since 12.8."""
    try:
        return hasattr(ctypes.CDLL(str(file)), "cudaLibraryLoadData")
    except OSError:
        return False


def compiled(kind):
    """A program that has the runtime in it, or asks for it."""
    directory = tempfile.mkdtemp()
    source, program = Path(directory) / "launches.cu", Path(directory) / "launches"
    source.write_text(SOURCE)
    # Beside the compiler, where the loader may not look.
    libraries = Path(shutil.which("nvcc")).resolve().parents[1] / "lib64"
    flags = [f"-cudart={kind}", "-Xlinker", f"-rpath={libraries}"]
    subprocess.run(["nvcc", *flags, "-o", program, source], check=True)
    return [program]


def counted(geophone, what, command, has_library=True):
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    process = subprocess.Popen([*map(str, command), str(LAUNCHES)], **pipes)
    process.stdout.readline()
    if has_library:
        until("the runtime to be attached", lambda: geophone.sum(PROBES, library="libcudart") > 0)

    def run():
        process.communicate("\n", timeout=300)
        if process.returncode:
            raise OSError(f"{what} ended with {process.returncode}")

    _, [driver, runtime] = geophone.gains(run, (CALLS, LAUNCH), (RUNTIME_CALLS, LAUNCH))
    yield Outcome(f"launches of {what}, by the driver", LAUNCHES, driver)
    return runtime


def check_shared(geophone):
    library = shared()
    if library is None:
        yield skipped("launches of the shared runtime", "there is no libcudart of 12 or later")
        return
    command = [sys.executable, __file__, library]
    runtime = yield from counted(geophone, "the shared runtime", command)
    yield Outcome("the same, by the runtime", LAUNCHES, runtime)


def check_compiled(geophone):
    if shutil.which("nvcc") is None:
        yield skipped("launches of compiled programs", "there is no nvcc")
        return
    for kind in ["static", "shared"]:
        what, is_shared = f"a program with the {kind} runtime", kind == "shared"
        runtime = yield from counted(geophone, what, compiled(kind), is_shared)
        # Nobody but the driver sees a runtime that is part of the program.
        expected = LAUNCHES if is_shared else 0
        yield Outcome("the same, by the runtime", expected, runtime)


CHECKS = [check_shared, check_compiled]

if __name__ == "__main__":
    launches(sys.argv[1], int(sys.argv[2]))
    print(json.dumps({}))
