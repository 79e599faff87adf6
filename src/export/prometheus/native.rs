//! Counts per bucket as spans and deltas, the sparse form of native histograms.

use super::messages::BucketSpan;
use crate::snapshot::Histogram;

/// Empty buckets that are cheaper written as zeros (a byte each) than skipped by a new span.
const BRIDGED_GAP: usize = 2;

/// Spans and deltas of the positive buckets. A histogram without any gets a span of length
/// zero, without which a server would take it for a classic one.
pub(super) fn positive_buckets(histogram: &Histogram) -> (Vec<BucketSpan>, Vec<i64>) {
    let mut spans: Vec<BucketSpan> = Vec::new();
    let mut deltas = Vec::with_capacity(histogram.buckets.len());
    let mut previous = 0_i64;
    let mut push = |deltas: &mut Vec<i64>, count: u64| {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        deltas.push(count - previous);
        previous = count;
    };
    let mut skipped = 0_usize;
    for &count in &histogram.buckets {
        if count == 0 {
            skipped += 1;
            continue;
        }
        match spans.last_mut() {
            Some(span) if skipped <= BRIDGED_GAP => {
                for _ in 0..skipped {
                    push(&mut deltas, 0);
                }
                span.length += u32::try_from(skipped + 1).unwrap_or(u32::MAX);
            }
            last => {
                let gap = i32::try_from(skipped).unwrap_or(i32::MAX);
                let start = if last.is_none() { histogram.offset } else { 0 };
                spans.push(BucketSpan {
                    offset: start.saturating_add(gap),
                    length: 1,
                });
            }
        }
        push(&mut deltas, count);
        skipped = 0;
    }
    if spans.is_empty() {
        spans.push(BucketSpan {
            offset: 0,
            length: 0,
        });
    }
    (spans, deltas)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn histogram(offset: i32, buckets: Vec<u64>) -> Histogram {
        Histogram {
            schema: 3,
            zero_threshold: 2f64.powi(-30),
            zero_count: 0,
            offset,
            count: buckets.iter().sum(),
            buckets,
            sum: 0.0,
        }
    }

    /// The reading side, as the native histogram specification words it.
    fn counts(spans: &[BucketSpan], deltas: &[i64]) -> BTreeMap<i32, i64> {
        let mut deltas = deltas.iter();
        let (mut index, mut count) = (0, 0);
        let mut counts = BTreeMap::new();
        for span in spans {
            index += span.offset;
            for _ in 0..span.length {
                count += deltas.next().copied().unwrap_or_default();
                counts.insert(index, count);
                index += 1;
            }
        }
        assert_eq!(deltas.next(), None, "a delta without a bucket");
        counts
    }

    #[test]
    fn short_gaps_are_bridged_and_long_ones_open_a_span() {
        let (spans, deltas) = positive_buckets(&histogram(-7, vec![3, 0, 0, 1, 0, 0, 0, 5]));
        assert_eq!(
            spans,
            [
                BucketSpan {
                    offset: -7,
                    length: 4
                },
                BucketSpan {
                    offset: 3,
                    length: 1
                }
            ]
        );
        assert_eq!(deltas, [3, -3, 0, 1, 4]);
    }

    #[test]
    fn an_empty_histogram_says_that_it_is_native() {
        let (spans, deltas) = positive_buckets(&histogram(0, Vec::new()));
        assert_eq!(
            spans,
            [BucketSpan {
                offset: 0,
                length: 0
            }]
        );
        assert!(deltas.is_empty());
    }

    proptest! {
        #[test]
        fn every_bucket_reads_back(
            offset in -240..160_i32,
            buckets in prop::collection::vec(prop_oneof![3 => Just(0), 2 => 0..1_u64 << 62], 0..60),
        ) {
            let expected: BTreeMap<i32, i64> = (offset..)
                .zip(&buckets)
                .filter(|(_, count)| **count != 0)
                .map(|(index, count)| (index, i64::try_from(*count).unwrap_or(i64::MAX)))
                .collect();
            let mut histogram = histogram(offset, Vec::new());
            histogram.buckets = buckets;
            let (spans, deltas) = positive_buckets(&histogram);
            let mut found = counts(&spans, &deltas);
            found.retain(|_, count| *count != 0);
            prop_assert_eq!(found, expected);
        }
    }
}
