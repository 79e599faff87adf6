//! The integer bucket computation against the definition in floating point.

use geophone_histogram::{MAX_SCHEMA, OCTAVES, OVERFLOW, SLOTS, long_ticks, slot, ticks};

/// Values spread evenly in the logarithm from `low` to `high`, with noise so that no two runs
/// of an octave hit the same mantissas.
fn spread(low: f64, high: f64, count: u32) -> impl Iterator<Item = u64> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    (0..count).map(move |i| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let noise = (state >> 40) as f64 / f64::from(1 << 24);
        let at = (f64::from(i) + noise) / f64::from(count);
        (low.ln() + at * (high.ln() - low.ln())).exp().round() as u64
    })
}

/// Prometheus' bucket index of `seconds`: the smallest `k` with `seconds <= 2^(k / 2^schema)`.
fn exact_index(seconds: f64, schema: u32) -> i32 {
    let per_octave = f64::from(1 << schema);
    let mut index = (seconds.log2() * per_octave).ceil() as i32;
    while seconds <= edge(index - 1, schema) {
        index -= 1;
    }
    while seconds > edge(index, schema) {
        index += 1;
    }
    index
}

fn edge(index: i32, schema: u32) -> f64 {
    (f64::from(index) / f64::from(1 << schema)).exp2()
}

fn index_of_slot(slot: usize, schema: u32, tick_exponent: i32) -> i32 {
    slot as i32 - 1 + tick_exponent * (1 << schema)
}

/// The bucket may differ where the value lies within two ticks or 1e-9 of itself of an edge,
/// and then by one bucket, counting only buckets that hold a whole tick. Returns how many did.
fn compare(schema: u32, values: impl Iterator<Item = u64>) -> u32 {
    let tick = (-30_f64).exp2();
    let mut differing = 0;
    for nanoseconds in values {
        let seconds = nanoseconds as f64 / 1e9;
        let exact = exact_index(seconds, schema);
        let got = index_of_slot(slot(ticks(nanoseconds), schema), schema, -30);
        if got == exact {
            continue;
        }
        differing += 1;
        let (lower, upper) = (edge(exact - 1, schema), edge(exact, schema));
        let distance = (seconds - lower).abs().min((upper - seconds).abs());
        assert!(
            distance <= 2.0 * tick || distance <= 1e-9 * seconds,
            "schema {schema}, {nanoseconds} ns: bucket {got} instead of {exact}"
        );
        assert!(
            (got - exact).abs() <= 1,
            "schema {schema}, {nanoseconds} ns: bucket {got} instead of {exact}"
        );
    }
    differing
}

#[test]
fn buckets_are_exact_from_1_ns_to_64_s() {
    for schema in 0..=MAX_SCHEMA {
        let differing = compare(schema, spread(1.0, 64e9, 2_000_000));
        // Above a microsecond, hardly a value is near enough to an edge to differ.
        let differing_above = compare(schema, spread(1e3, 64e9, 2_000_000));
        assert!(
            differing_above < 2_000,
            "schema {schema}: {differing}, {differing_above}"
        );
    }
}

#[test]
fn buckets_are_exact_around_every_edge() {
    for schema in 0..=MAX_SCHEMA {
        let per_octave = 1 << schema;
        for index in (-30 * per_octave)..=(6 * per_octave) {
            let at = edge(index, schema) * 1e9;
            let around = (-3..=3).map(|step| (at + f64::from(step)).max(1.0) as u64);
            compare(schema, around);
        }
    }
}

#[test]
fn upper_edges_are_inclusive_in_ticks() {
    for schema in 0..=MAX_SCHEMA {
        let per_octave = 1_usize << schema;
        for octave in 0..OCTAVES {
            let edge = 1_u64 << octave;
            assert_eq!(slot(edge, schema), 1 + octave as usize * per_octave);
            assert!(
                slot(edge + 1, schema) > slot(edge, schema),
                "{edge} at {schema}"
            );
        }
    }
}

#[test]
fn slots_never_leave_the_record_and_never_go_down() {
    for schema in 0..=MAX_SCHEMA {
        let mut last = 0;
        let corners = [0, 1, 2, u64::MAX, 1 << OCTAVES, (1 << OCTAVES) + 1];
        let mut all: Vec<u64> = spread(1.0, 1.8e19, 100_000).chain(corners).collect();
        all.sort_unstable();
        for value in all {
            let slot = slot(value, schema);
            assert!(slot < SLOTS && slot >= last, "{value}: {slot} after {last}");
            last = slot;
        }
        assert_eq!(
            slot(1 << OCTAVES, schema),
            1 + ((OCTAVES as usize) << schema)
        );
        assert_eq!(slot((1 << OCTAVES) + 1, schema), OVERFLOW);
    }
}

#[test]
fn coarser_schemas_are_exact_merges() {
    for value in spread(1.0, 1.0e12, 200_000) {
        let fine = slot(value, MAX_SCHEMA);
        if fine == OVERFLOW || fine == 0 {
            continue;
        }
        for schema in 0..MAX_SCHEMA {
            let merged = 1 + (fine - 1).div_ceil(1 << (MAX_SCHEMA - schema));
            assert_eq!(slot(value, schema), merged, "{value} at {schema}");
        }
    }
}

#[test]
fn conversions_to_ticks_are_monotonic_and_within_their_bounds() {
    let (mut last, mut last_long) = (0, 0);
    let mut values: Vec<u64> = spread(1.0, 9.2e18, 1_000_000).collect();
    values.sort_unstable();
    for nanoseconds in values {
        let (fine, long) = (ticks(nanoseconds), long_ticks(nanoseconds));
        assert!(fine >= last && long >= last_long, "{nanoseconds}");
        (last, last_long) = (fine, long);
        if nanoseconds < 1 << 40 {
            let exact = nanoseconds as f64 / 1e9 * f64::from(1 << 30);
            let error = (fine as f64 - exact).abs();
            assert!(
                error <= 2.0 || error <= 1e-9 * exact,
                "{nanoseconds} ns: {fine} for {exact}"
            );
        }
        let exact = nanoseconds as f64 / 1e9 * 1024.0;
        assert!(
            (long as f64 - exact) > -1e-9 * exact - 1e-6,
            "{nanoseconds} ns: {long} for {exact}"
        );
        assert!(
            (long as f64 - exact) < 1.0 + 1e-8 * exact,
            "{nanoseconds} ns: {long} for {exact}"
        );
    }
}
