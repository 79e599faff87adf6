use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

use opentelemetry_proto::tonic::metrics::v1::AggregationTemporality;

use super::{Part, Shape};
use crate::snapshot::{Histogram, Number, Series, Snapshot, Value};

/// What a receiver was told last of each series: what the next delta is against. A delta that
/// was not received stays in the difference, so that none is lost and none is kept twice.
#[derive(Debug, Default)]
pub struct Baseline {
    /// By metric, then by label values.
    told: HashMap<String, HashMap<Vec<Arc<str>>, Told>>,
    /// Counts the snapshots that were told whole.
    round: u64,
}

#[derive(Debug)]
struct Told {
    since: SystemTime,
    at: SystemTime,
    value: Value,
    /// The last round in which the series was there.
    seen: u64,
}

/// Series that are remembered while they are not there: those of a module that could not be read
/// come back, and must not be told whole again. Those of control groups do not.
const ABSENT: usize = 4096;

/// What was added to a series, and since when.
#[derive(Debug)]
pub(super) struct Change<'a> {
    pub since: SystemTime,
    pub value: Cow<'a, Value>,
}

impl Baseline {
    /// What was added since the receiver was told; all of it where it was not, or where the
    /// series has begun anew.
    pub(super) fn change<'a>(&self, metric: &str, series: &'a Series) -> Change<'a> {
        let told = self
            .told
            .get(metric)
            .and_then(|all| all.get(&series.labels));
        let whole = |since| Change {
            since,
            value: Cow::Borrowed(&series.value),
        };
        let Some(told) = told.filter(|told| told.since == series.since) else {
            return whole(series.since);
        };
        match added(&told.value, &series.value) {
            Some(value) => Change {
                since: told.at,
                value: Cow::Owned(value),
            },
            None => whole(told.at),
        }
    }

    /// How many series are remembered.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.told.values().map(HashMap::len).sum()
    }

    /// Takes note that the receiver was told parts of a snapshot. Of totals no note is needed.
    pub fn told(&mut self, shape: Shape, snapshot: &Snapshot, parts: &[Part]) {
        for part in parts {
            let Some(family) = snapshot.families.get(part.family) else {
                continue;
            };
            let temporality = shape.temporality_of(family.descriptor.kind);
            if temporality != AggregationTemporality::Delta {
                continue;
            }
            let name = &family.descriptor.name;
            if !self.told.contains_key(name) {
                self.told.insert(name.clone(), HashMap::new());
            }
            let Some(all) = self.told.get_mut(name) else {
                continue;
            };
            for series in family.series.get(part.series.clone()).unwrap_or_default() {
                let told = Told {
                    since: series.since,
                    at: snapshot.taken,
                    value: series.value.clone(),
                    seen: self.round,
                };
                all.insert(series.labels.clone(), told);
            }
        }
    }

    /// Forgets series that have not been there for longest, where many are not: a series that is
    /// absent once may be there again.
    pub fn forget_gone(&mut self, snapshot: &Snapshot) {
        self.round += 1;
        for family in &snapshot.families {
            let Some(all) = self.told.get_mut(&family.descriptor.name) else {
                continue;
            };
            for series in &family.series {
                if let Some(told) = all.get_mut(&series.labels) {
                    told.seen = self.round;
                }
            }
        }
        let told = self.told.values().flat_map(HashMap::values);
        let absent = told.map(|told| told.seen).filter(|seen| *seen < self.round);
        let mut absent: Vec<u64> = absent.collect();
        let Some(beyond) = absent
            .len()
            .checked_sub(ABSENT)
            .filter(|&beyond| beyond > 0)
        else {
            return;
        };
        absent.sort_unstable();
        let last = absent.get(beyond - 1).copied().unwrap_or_default();
        for all in self.told.values_mut() {
            all.retain(|_, told| told.seen > last);
        }
        self.told.retain(|_, all| !all.is_empty());
    }
}

/// The difference; none where the later value is not the greater.
fn added(before: &Value, after: &Value) -> Option<Value> {
    Some(match (before, after) {
        (Value::Counter(Number::Integer(before)), Value::Counter(Number::Integer(after))) => {
            Value::Counter(Number::Integer(after.checked_sub(*before)?))
        }
        (Value::Counter(before), Value::Counter(after)) => {
            let difference = after.as_f64() - before.as_f64();
            (difference >= 0.0).then_some(Value::Counter(Number::Real(difference)))?
        }
        (Value::Histogram(before), Value::Histogram(after)) => {
            Value::Histogram(added_to_histogram(before, after)?)
        }
        _ => return None,
    })
}

fn added_to_histogram(before: &Histogram, after: &Histogram) -> Option<Histogram> {
    if before.schema != after.schema
        || before
            .zero_threshold
            .total_cmp(&after.zero_threshold)
            .is_ne()
    {
        return None;
    }
    let mut buckets = after.buckets.clone();
    for (index, count) in (before.offset..).zip(&before.buckets) {
        let at = usize::try_from(index.checked_sub(after.offset)?).ok();
        match at.and_then(|at| buckets.get_mut(at)) {
            Some(bucket) => *bucket = bucket.checked_sub(*count)?,
            None if *count == 0 => {}
            None => return None,
        }
    }
    let leading = buckets.iter().take_while(|&&count| count == 0).count();
    let used = buckets
        .iter()
        .rposition(|&count| count != 0)
        .map_or(leading, |at| at + 1);
    buckets.truncate(used);
    buckets.drain(..leading.min(used));
    let offset = if buckets.is_empty() {
        0
    } else {
        after.offset.checked_add(i32::try_from(leading).ok()?)?
    };
    Some(Histogram {
        schema: after.schema,
        zero_threshold: after.zero_threshold,
        zero_count: after.zero_count.checked_sub(before.zero_count)?,
        offset,
        buckets,
        sum: after.sum - before.sum,
        count: after.count.checked_sub(before.count)?,
    })
}
