"""Kernels of Triton, which wants them, and what they speak of, at the top of a file."""

import triton
from triton import language


@triton.jit
def add(here, there, size: language.constexpr):
    place = language.arange(0, size)
    language.store(there + place, language.load(here + place) + 1)
