//! Adding to the cells and histograms of a per-CPU record.

use geophone_histogram::{Histogram, long_ticks, slot, ticks};

/// Adds `amount` to a cell. Plain addition: the record is this CPU's own, and the cell has
/// no other writer.
#[inline(always)]
pub fn add(cell: &mut u64, amount: u64) {
    *cell = cell.wrapping_add(amount);
}

/// Observes a time of `nanoseconds`; a negative one (clocks that disagree) counts as zero.
#[inline(always)]
pub fn observe_nanoseconds(histogram: &mut Histogram, nanoseconds: u64, schema: u32) {
    let nanoseconds = not_negative(nanoseconds);
    observe_ticks(histogram, ticks(nanoseconds), nanoseconds, schema, add);
}

/// Observes a time of `nanoseconds` in ticks of 2^-10 s: for times of minutes to years.
#[inline(always)]
pub fn observe_long(histogram: &mut Histogram, nanoseconds: u64, schema: u32) {
    let nanoseconds = not_negative(nanoseconds);
    observe_ticks(histogram, long_ticks(nanoseconds), nanoseconds, schema, add);
}

/// Observes a size of `bytes`.
#[inline(always)]
pub fn observe_bytes(histogram: &mut Histogram, bytes: u64, schema: u32) {
    observe_ticks(histogram, bytes, bytes, schema, add);
}

/// A time that is negative is none.
#[inline(always)]
fn not_negative(nanoseconds: u64) -> u64 {
    if (nanoseconds as i64) < 0 {
        0
    } else {
        nanoseconds
    }
}

/// With the addition that the program has to use.
#[inline(always)]
fn observe_ticks(
    histogram: &mut Histogram,
    ticks: u64,
    raw: u64,
    schema: u32,
    add: impl Fn(&mut u64, u64),
) {
    add(&mut histogram.sum, raw);
    if let Some(cell) = histogram.slots.get_mut(slot(ticks, schema)) {
        add(cell, 1);
    }
}

/// The same for programs that another thread on the same CPU may interrupt: those of uprobes,
/// which run as their process does, and may be preempted since 6.0.
pub mod preemptible {
    use core::arch::asm;

    use geophone_histogram::{Histogram, ticks};

    use super::{not_negative, observe_ticks};

    /// Adds `amount` to a cell, in one instruction.
    #[inline(always)]
    pub fn add(cell: &mut u64, amount: u64) {
        // The target has the instruction, but core has no read-modify-write atomics for it.
        // SAFETY: an addition to the cell.
        unsafe { asm!("lock *(u64 *)({0} + 0) += {1}", in(reg) cell, in(reg) amount) };
    }

    /// Observes a time of `nanoseconds`; a negative one counts as zero.
    #[inline(always)]
    pub fn observe_nanoseconds(histogram: &mut Histogram, nanoseconds: u64, schema: u32) {
        let nanoseconds = not_negative(nanoseconds);
        observe_ticks(histogram, ticks(nanoseconds), nanoseconds, schema, add);
    }
}
