"""What the driver library looks like: where its functions could be probed, and how cheaply."""

import ctypes.util
import re
import struct
from collections import Counter
from pathlib import Path

PLACES = ["/usr/lib/x86_64-linux-gnu", "/usr/lib64", "/usr/local/nvidia/lib64", "/opt/nvidia/lib64"]

# cmpl $imm32, disp32(%rip); je; jmp *disp32(%rip): the probe goes to the je.
THUNK = re.compile(rb"\x81\x3d.{8}\x74.(?:\xff\x25|\x48\xff\x25)", re.DOTALL)
R_X86_64_RELATIVE = 8

MANIFEST = Path(__file__).resolve().parents[2] / "ebpf/modules/cuda.toml"
OF_INTEREST = re.compile(r"cu(Launch|GraphLaunch|Mem(Alloc|cpy|set|Free|Prefetch|Host|Create|Map)|Array.*(Create|Destroy)|.*Synchronize)")


def find():
    """The host's libcuda, as a path."""
    for place in PLACES:
        file = Path(place) / "libcuda.so.1"
        if file.exists():
            return file.resolve()
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return None
    maps = Path("/proc/self/maps").read_text()
    mapped = re.search(r"(/\S*libcuda\.so\S*)", maps)
    return Path(mapped[1]) if mapped else None


class Elf:
    """As much of a 64-bit little-endian shared object as a census takes."""

    def __init__(self, path):
        self.bytes = Path(path).read_bytes()
        (offset,) = struct.unpack_from("<Q", self.bytes, 0x28)
        size, count = struct.unpack_from("<HH", self.bytes, 0x3A)
        headers = [struct.unpack_from("<IIQQQQII", self.bytes, offset + i * size) for i in range(count)]
        self.sections = headers
        (phoff,) = struct.unpack_from("<Q", self.bytes, 0x20)
        phsize, phcount = struct.unpack_from("<HH", self.bytes, 0x36)
        segments = [struct.unpack_from("<IIQQQQ", self.bytes, phoff + i * phsize) for i in range(phcount)]
        self.segments = [segment for segment in segments if segment[0] == 1]

    def at(self, address, length):
        """Bytes at an address of the loaded library."""
        for _, _, offset, start, _, size in self.segments:
            if start <= address < start + size:
                place = address - start + offset
                return self.bytes[place : place + length]
        return b""

    def functions(self):
        """Exported functions: address by name."""
        found = {}
        for _, kind, _, _, offset, size, link, _ in self.sections:
            if kind != 11:  # SHT_DYNSYM
                continue
            strings = self.sections[link][4]
            for place in range(offset, offset + size, 24):
                name, info, _, section, value, _ = struct.unpack_from("<IBBHQQ", self.bytes, place)
                if info & 0xF == 2 and section != 0:
                    end = self.bytes.index(b"\0", strings + name)
                    found[self.bytes[strings + name : end].decode()] = value
        return found

    def relative(self):
        """What relative relocations put where: place by address put."""
        places = {}
        for _, kind, _, _, offset, size, _, _ in self.sections:
            if kind != 4:  # SHT_RELA
                continue
            for place in range(offset, offset + size, 24):
                where, info, addend = struct.unpack_from("<QQq", self.bytes, place)
                if info == R_X86_64_RELATIVE:
                    places.setdefault(addend, []).append(where)
        return places


def report(library):
    elf = Elf(library)
    functions = {name: value for name, value in elf.functions().items() if name.startswith("cu")}
    kinds = Counter(kind(elf.at(value, 24)) for value in functions.values())
    print(f"{library}: {len(functions)} functions begin with cu")
    for what, count in kinds.most_common(12):
        print(f"  {count:5} {what}")
    left = sorted(name for name in functions if OF_INTEREST.match(name) and name not in known())
    print(f"  of launches, memory and waits not attached to: {', '.join(left) or 'none'}")
    # cuGetProcAddress hands functions out of a table of pairs: function, first version.
    places = elf.relative()
    versions = Counter()
    for name, value in functions.items():
        for place in places.get(value, []):
            version = int.from_bytes(elf.at(place + 8, 8) or b"\0", "little")
            versions["once" if 1000 <= version <= 99000 else "elsewhere"] += 1
    print(f"  in the table of versions: {versions['once']}, in other data: {versions['elsewhere']}")


def known():
    """Functions that the module attaches to."""
    return set(re.findall(r'"(cu[A-Z]\w*)"', MANIFEST.read_text()))


def kind(first):
    if THUNK.match(first):
        return "thunk: cmpl, je, jmp *table"
    return "begins with " + first[:4].hex(" ")
