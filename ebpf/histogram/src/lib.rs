//! The histogram that probes fill and user space reads: base-2 exponential buckets over
//! binary ticks.
//!
//! A *tick* is 2^-30 s (about 0.93 ns) for times, 2^-10 s for times of minutes and more, and
//! one byte for sizes. Because the tick is
//! a power of two of the base unit, bucket edges are the edges of a Prometheus native
//! histogram and of an OTLP exponential histogram in seconds or bytes, bucket for bucket.
//! Upper edges are inclusive, as both formats define them.
//!
//! Slots, with `n = 2^schema` buckets per octave:
//!
//! | slot | holds, in ticks |
//! |---|---|
//! | 0 | 0 |
//! | 1 | (0, 1] |
//! | `1 + j` | (2^((j-1)/n), 2^(j/n)] |
//! | [`OVERFLOW`] | more than 2^[`OCTAVES`] |

#![no_std]
#![forbid(unsafe_code)]

/// Power of two between a second and a tick of a time histogram.
pub const TICKS_PER_SECOND_LOG2: u32 = 30;

/// Finest schema: 8 buckets per octave, each at most 9.05 % wide.
pub const MAX_SCHEMA: u32 = 3;

/// Octaves above one tick: 1 tick to 2^40 ticks, which is 1,024 s or 1 TiB.
pub const OCTAVES: u32 = 40;

/// Slot of values above the last edge.
pub const OVERFLOW: usize = 2 + (OCTAVES as usize) * (1 << MAX_SCHEMA);

/// Number of slots at every schema; coarser schemas leave the upper ones unused.
pub const SLOTS: usize = OVERFLOW + 1;

/// One histogram as it lies in a map value. Host byte order, one copy per CPU.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Histogram {
    /// Exact sum of the observed values in their raw unit: nanoseconds or bytes, not ticks.
    pub sum: u64,
    /// Observations per slot.
    pub slots: [u64; SLOTS],
}

/// Converts nanoseconds to ticks of 2^-30 s, at most one tick below the exact value up to
/// 2^36 ns and at most 1e-9 of itself above. Saturates above 2^40 ns, which is beyond the
/// last edge.
#[inline(always)]
#[must_use]
pub const fn ticks(nanoseconds: u64) -> u64 {
    // 2^30 / 10^9 - 1 as a fraction of 2^30.
    const EXCESS: u64 = 79_179_681;
    if nanoseconds >> 36 == 0 {
        nanoseconds + ((nanoseconds * EXCESS) >> 30)
    } else if nanoseconds >> 40 == 0 {
        nanoseconds + (((nanoseconds >> 6) * EXCESS) >> 24)
    } else {
        1 << 41
    }
}

/// Converts nanoseconds to ticks of 2^-10 s, rounded up so that upper edges stay inclusive:
/// for histograms whose values are minutes to years (the last edge is 34 years). Takes up to
/// 2^63 ns, which a difference of two clock readings cannot pass.
#[inline(always)]
#[must_use]
pub const fn long_ticks(nanoseconds: u64) -> u64 {
    // 2^10 / 10^9 as a fraction of 2^50; the high part first, so that nothing overflows.
    const SCALE: u64 = 1_152_921_505;
    let high = (nanoseconds >> 30) * SCALE;
    let low = ((nanoseconds & ((1 << 30) - 1)) * SCALE) >> 30;
    (high + low + (1 << 20) - 1) >> 20
}

/// Position of the highest set bit of a value up to 2^40. BPF has no count-leading-zeros
/// instruction. Only the byte is found by branching, which the branch predictor learns; the
/// bit in it is found by arithmetic, because every way through a branch here is one more
/// that the verifier walks, for every histogram of a program.
#[inline(always)]
const fn log2(mut value: u64) -> u64 {
    // log2 of 0 to 15, two bits each.
    const NIBBLES: u64 = 0xffff_aa50;
    let mut log = 0;
    if value >> 32 != 0 {
        value >>= 32;
        log += 32;
    }
    if value >> 16 != 0 {
        value >>= 16;
        log += 16;
    }
    if value >> 8 != 0 {
        value >>= 8;
        log += 8;
    }
    let high = exceeds(value, 15) << 2;
    value >>= high;
    log + high + (NIBBLES >> (value << 1) & 3)
}

/// 1 if `value` is more than `limit`, otherwise 0, without a branch. Both are below 2^63.
#[inline(always)]
const fn exceeds(value: u64, limit: u64) -> u64 {
    limit.wrapping_sub(value) >> 63
}

/// 2^(31 + k/8) for k = 1 to 7, rounded down: where the eighths of an octave begin.
const EIGHTHS: [u64; 7] = [
    2_341_847_523,
    2_553_802_833,
    2_784_941_737,
    3_037_000_499,
    3_311_872_529,
    3_611_622_602,
    3_938_502_375,
];

/// The slot of a value of `ticks` at `schema` (0 to [`MAX_SCHEMA`]).
#[inline(always)]
#[must_use]
pub const fn slot(ticks: u64, schema: u32) -> usize {
    if ticks <= 1 {
        return ticks as usize;
    }
    if ticks > 1 << OCTAVES {
        return OVERFLOW;
    }
    // Upper edges are inclusive, so 2^n belongs to the octave below it.
    let octave = log2(ticks - 1);
    let mantissa = if octave >= 31 {
        ticks >> (octave - 31)
    } else {
        ticks << (31 - octave)
    };
    let mut eighth = 0;
    let mut at = 0;
    while at < EIGHTHS.len() {
        eighth += exceeds(mantissa, EIGHTHS[at]);
        at += 1;
    }
    let above_one_tick = octave * 8 + eighth + 1;
    let shift = MAX_SCHEMA - schema;
    (1 + ((above_one_tick + (1 << shift) - 1) >> shift)) as usize
}
