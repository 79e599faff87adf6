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
    let nanoseconds = if (nanoseconds as i64) < 0 {
        0
    } else {
        nanoseconds
    };
    observe_ticks(histogram, ticks(nanoseconds), nanoseconds, schema);
}

/// Observes a time of `nanoseconds` in ticks of 2^-10 s: for times of minutes to years.
#[inline(always)]
pub fn observe_long(histogram: &mut Histogram, nanoseconds: u64, schema: u32) {
    let nanoseconds = if (nanoseconds as i64) < 0 {
        0
    } else {
        nanoseconds
    };
    observe_ticks(histogram, long_ticks(nanoseconds), nanoseconds, schema);
}

/// Observes a size of `bytes`.
#[inline(always)]
pub fn observe_bytes(histogram: &mut Histogram, bytes: u64, schema: u32) {
    observe_ticks(histogram, bytes, bytes, schema);
}

#[inline(always)]
fn observe_ticks(histogram: &mut Histogram, ticks: u64, raw: u64, schema: u32) {
    add(&mut histogram.sum, raw);
    if let Some(cell) = histogram.slots.get_mut(slot(ticks, schema)) {
        add(cell, 1);
    }
}
