"""Cumulative counts of OTLP's histograms at the edges of classic buckets."""

from fractions import Fraction


def finite(edges):
    return sorted(edge for edge in edges if edge != float("inf"))


def explicit(point, edges):
    """Counts at the edges, and what speaks against them being the same histogram."""
    if list(point.explicit_bounds) != finite(edges):
        return {}, [f"bounds {list(point.explicit_bounds)}, on the page {finite(edges)}"]
    total, counts = 0, {}
    for edge, count in zip([*point.explicit_bounds, float("inf")], point.bucket_counts):
        total += count
        counts[edge] = total
    return counts, []


def exponential(point, edges):
    """Counts at the edges, which are powers of two: no bucket lies across one of them.

    Index i holds (base^i, base^(i+1)] with base = 2^(2^-scale): its edges are two to the
    powers of i / 2^scale and (i + 1) / 2^scale, compared here as fractions.
    """
    said, counts = [], {float("inf"): point.count}
    per_octave = Fraction(2) ** point.scale
    upper = [
        (Fraction(point.positive.offset + i + 1) / per_octave, count)
        for i, count in enumerate(point.positive.bucket_counts)
        if count
    ]
    for edge in finite(edges):
        exponent = power_of_two(edge)
        if exponent is None:
            said.append(f"edge {edge} on the page is no power of two")
            continue
        across = [top for top, _ in upper if top - 1 / per_octave < exponent < top]
        if across:
            said.append(f"a bucket lies across edge {edge}")
        if point.zero_count and point.zero_threshold > edge:
            said.append(f"the zero bucket, to {point.zero_threshold}, lies across edge {edge}")
        counts[edge] = point.zero_count + sum(count for top, count in upper if top <= exponent)
    return counts, said


def power_of_two(number):
    """e where the number is 2^e; none where it is no power of two."""
    if number <= 0:
        return None
    top, bottom = number.as_integer_ratio()
    if top & (top - 1) or bottom & (bottom - 1):
        return None
    return top.bit_length() - bottom.bit_length()
