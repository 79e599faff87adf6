//! Arbitrary families.

use std::sync::Arc;

use geophone::snapshot::{Family, Histogram, Kind, Number, Series, Unit, Value};
use geophone_histogram::SLOTS;
use proptest::collection::vec;
use proptest::prelude::*;

use crate::sample;

/// Up to six families with different names, with any text in help and label values.
pub fn families() -> impl Strategy<Value = Vec<Arc<Family>>> {
    vec((kind(), unit(), 0..3_usize, ".{0,30}|\"a\\\\\n\""), 0..6).prop_flat_map(|shapes| {
        shapes
            .into_iter()
            .enumerate()
            .map(|(i, (kind, unit, labels, help))| family(i, kind, unit, labels, help))
            .collect::<Vec<_>>()
    })
}

fn family(
    number: usize,
    kind: Kind,
    unit: Unit,
    labels: usize,
    help: String,
) -> impl Strategy<Value = Arc<Family>> {
    let stem = match unit {
        Unit::None => format!("geophone_{number}"),
        unit => format!("geophone_{number}_{}", unit.as_str()),
    };
    let name = match kind {
        Kind::Counter => format!("{stem}_total"),
        Kind::Info => format!("{stem}_info"),
        Kind::Gauge | Kind::Histogram => stem,
    };
    let mut descriptor = sample::descriptor(&name, kind, unit, &["first", "second"][..labels]);
    descriptor.help = help;
    let descriptor = Arc::new(descriptor);
    vec(
        (vec("(?s).{0,8}|[a\"\\\\\n,{}=]{0,8}", labels), value(kind)),
        0..4,
    )
    .prop_map(move |series| {
        let series = series
            .into_iter()
            .enumerate()
            .map(|(i, (mut labels, value))| {
                // Series of a family differ.
                if let Some(label) = labels.first_mut() {
                    label.push_str(&i.to_string());
                }
                let labels = labels.into_iter().map(Arc::from).collect();
                Series {
                    labels,
                    since: sample::since(),
                    value,
                }
            });
        let one = if labels == 0 { 1 } else { usize::MAX };
        Arc::new(Family {
            descriptor: Arc::clone(&descriptor),
            series: series.take(one).collect(),
        })
    })
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![
        Just(Kind::Counter),
        Just(Kind::Gauge),
        Just(Kind::Histogram),
        Just(Kind::Info)
    ]
}

fn unit() -> impl Strategy<Value = Unit> {
    prop_oneof![
        Just(Unit::None),
        Just(Unit::Seconds),
        Just(Unit::Bytes),
        Just(Unit::Ratio)
    ]
}

fn value(kind: Kind) -> BoxedStrategy<Value> {
    match kind {
        Kind::Counter => prop_oneof![
            any::<u64>().prop_map(|total| Value::Counter(Number::Integer(total))),
            (0.0..1e18).prop_map(|total| Value::Counter(Number::Real(total))),
        ]
        .boxed(),
        Kind::Gauge => any::<f64>().prop_map(Value::Gauge).boxed(),
        Kind::Info => Just(Value::Info).boxed(),
        Kind::Histogram => (0..4_u32, vec((0..SLOTS, 0..1_u64 << 40), 0..20), 0.0..1e9)
            .prop_map(|(schema, filled, sum)| {
                let mut slots = [0; SLOTS];
                let used = 2 + 40 * (1 << schema);
                for (slot, count) in filled {
                    // The last slot is the one for overflow at every schema.
                    slots[if slot == SLOTS - 1 { slot } else { slot % used }] += count;
                }
                Value::Histogram(Histogram::from_slots(&slots, schema, -30, sum))
            })
            .boxed(),
    }
}
