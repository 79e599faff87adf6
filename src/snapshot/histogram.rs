use geophone_histogram::{MAX_SCHEMA, OCTAVES, SLOTS};

/// A base-2 exponential histogram in the metric's base unit.
///
/// Bucket `offset + i` of [`Histogram::buckets`] holds observations in
/// `(base^(offset+i-1), base^(offset+i)]` with `base = 2^(2^-schema)`: Prometheus' numbering
/// of native buckets. OTLP's index is one lower.
#[derive(Debug, Clone, PartialEq)]
pub struct Histogram {
    /// Buckets per octave as a power of two, 0 to 3.
    pub schema: u8,
    /// Observations from 0 up to and including this are in `zero_count`. A power of two.
    pub zero_threshold: f64,
    pub zero_count: u64,
    /// Prometheus index of the first bucket.
    pub offset: i32,
    /// Counts from the first to the last bucket that is not empty; empty without observations.
    pub buckets: Vec<u64>,
    /// Exact sum of the observed values.
    pub sum: f64,
    /// Number of observations: the buckets and the zero bucket together.
    pub count: u64,
}

impl Histogram {
    /// Builds the histogram from what a probe counted.
    ///
    /// `slots` follow [`geophone_histogram`]'s layout at `schema`; one tick is
    /// `2^tick_exponent` of the base unit. Slots 0 and 1 become the zero bucket, because
    /// nothing finer than a tick was told apart. Values beyond the last edge are put in the
    /// bucket right above it.
    pub fn from_slots(slots: &[u64; SLOTS], schema: u32, tick_exponent: i32, sum: f64) -> Self {
        let schema = schema.min(MAX_SCHEMA);
        let per_octave = 1_i32 << schema;
        let last = 1 + (OCTAVES as usize) * (1 << schema);
        let zero_count = slots[0] + slots[1];
        let overflow = slots[SLOTS - 1];
        let edges = &slots[2..=last];
        let leading = edges.iter().position(|&n| n != 0).unwrap_or(edges.len());
        let used = if overflow == 0 {
            edges
                .iter()
                .rposition(|&n| n != 0)
                .map_or(leading, |at| at + 1)
        } else {
            edges.len()
        };
        let mut buckets = Vec::with_capacity(used - leading + 1);
        buckets.extend_from_slice(&edges[leading..used]);
        if overflow != 0 {
            buckets.push(overflow);
        }
        let count = zero_count + buckets.iter().sum::<u64>();
        let offset = if buckets.is_empty() {
            0
        } else {
            tick_exponent * per_octave + 1 + i32::try_from(leading).unwrap_or(i32::MAX)
        };
        Self {
            schema: schema as u8,
            zero_threshold: 2f64.powi(tick_exponent),
            zero_count,
            offset,
            buckets,
            sum,
            count,
        }
    }

    /// Cumulative counts at the edges `2^first`, …, `2^last`: an exact merge, because powers
    /// of two are edges at every schema.
    pub fn at_powers_of_two(&self, first: i32, last: i32) -> Vec<(f64, u64)> {
        let per_octave = 1_i64 << self.schema;
        let mut buckets = (i64::from(self.offset)..).zip(&self.buckets).peekable();
        let mut cumulative = self.zero_count;
        let mut edges = Vec::with_capacity(usize::try_from(last - first + 1).unwrap_or(0));
        for exponent in first..=last {
            let edge = i64::from(exponent) * per_octave;
            while let Some((_, count)) = buckets.next_if(|&(index, _)| index <= edge) {
                cumulative += count;
            }
            edges.push((2f64.powi(exponent), cumulative));
        }
        edges
    }
}
