//! A snapshot with everything that can be exposed, shared by the tests of this directory.

#![allow(dead_code, clippy::unwrap_used, clippy::expect_used)]

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use geophone::snapshot::{
    Descriptor, Family, Histogram, Kind, Number, OtlpName, Series, Snapshot, Stability, Unit, Value,
};
use geophone_histogram::{SLOTS, slot, ticks};

/// Start of counting of every series.
pub fn since() -> SystemTime {
    UNIX_EPOCH + Duration::new(1_700_000_000, 250_000_000)
}

pub fn descriptor(name: &str, kind: Kind, unit: Unit, labels: &[&str]) -> Descriptor {
    Descriptor {
        name: name.to_owned(),
        help: format!("What {name} says."),
        kind,
        unit,
        labels: labels.iter().map(|label| (*label).to_owned()).collect(),
        module: None,
        otlp: otlp(name, unit),
        stability: Stability::Stable,
        classic: if unit == Unit::Bytes {
            (9, 24)
        } else {
            (-20, 4)
        },
    }
}

/// The name that means the same to Prometheus.
fn otlp(name: &str, unit: Unit) -> OtlpName {
    let name = name.strip_suffix("_total").unwrap_or(name);
    let stem = name.strip_suffix(unit.as_str()).unwrap_or(name);
    let unit = match unit {
        Unit::None => "{thing}",
        Unit::Seconds => "s",
        Unit::Bytes => "By",
        Unit::Ratio => "1",
    };
    OtlpName {
        name: stem.trim_end_matches('_').replace('_', "."),
        unit: unit.to_owned(),
    }
}

pub fn family(descriptor: Descriptor, series: Vec<(Vec<&str>, Value)>) -> Arc<Family> {
    let series = series
        .into_iter()
        .map(|(labels, value)| Series {
            labels: labels.into_iter().map(Arc::from).collect(),
            since: since(),
            value,
        })
        .collect();
    Arc::new(Family {
        descriptor: Arc::new(descriptor),
        series,
    })
}

/// Waits from 1 ns to about a minute, spread evenly in the logarithm.
pub fn waits(count: u32) -> Value {
    let mut slots = [0; SLOTS];
    let mut sum = 0_u64;
    for i in 0..count {
        // The golden ratio spreads any number of points.
        let fraction = (f64::from(i) * 0.618_033_988_749_894_9).fract();
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let nanoseconds = (fraction * 36.0).exp2() as u64;
        slots[slot(ticks(nanoseconds), 3)] += 1;
        sum += nanoseconds;
    }
    Value::Histogram(Histogram::from_slots(&slots, 3, -30, sum as f64 / 1e9))
}

/// The given sizes in bytes, at the coarsest schema.
pub fn sizes(sizes: &[u64]) -> Value {
    let mut slots = [0; SLOTS];
    for size in sizes {
        slots[slot(*size, 0)] += 1;
    }
    Value::Histogram(Histogram::from_slots(
        &slots,
        0,
        0,
        sizes.iter().sum::<u64>() as f64,
    ))
}

pub fn count(value: u64) -> Value {
    Value::Counter(Number::Integer(value))
}

fn of_module(mut descriptor: Descriptor, module: &str) -> Descriptor {
    descriptor.module = Some(module.to_owned());
    descriptor
}

pub const MODULES: [&str; 3] = ["runqueue", "block_io", "tcp"];

/// Families as a host with three modules shows them. `scale` is about the number of waits.
#[allow(clippy::too_many_lines)]
pub fn families(scale: u32) -> Vec<Arc<Family>> {
    let describe = descriptor;
    let mut build = describe(
        "geophone_build_info",
        Kind::Info,
        Unit::None,
        &["version", "commit"],
    );
    build.help = "Versions of Geophone:\nsee \"doctor\", or C:\\.".into();
    let state = &["module", "state"];
    vec![
        family(
            build,
            vec![(vec!["0.1.0", "a \"dirty\"\\tree\n"], Value::Info)],
        ),
        family(
            describe("geophone_module_state", Kind::Gauge, Unit::None, state),
            MODULES
                .iter()
                .map(|name| (vec![*name, "active"], Value::Gauge(1.0)))
                .collect(),
        ),
        family(
            describe(
                "process_cpu_seconds_total",
                Kind::Counter,
                Unit::Seconds,
                &[],
            ),
            vec![(vec![], Value::Counter(Number::Real(0.123_456)))],
        ),
        family(
            of_module(
                describe(
                    "geophone_runqueue_wait_seconds",
                    Kind::Histogram,
                    Unit::Seconds,
                    &[],
                ),
                "runqueue",
            ),
            vec![(vec![], waits(scale))],
        ),
        family(
            of_module(
                describe(
                    "geophone_runqueue_switches_total",
                    Kind::Counter,
                    Unit::None,
                    &["kind"],
                ),
                "runqueue",
            ),
            vec![
                (vec!["voluntary"], count(u64::MAX)),
                (vec!["involuntary"], count(0)),
            ],
        ),
        family(
            of_module(
                describe(
                    "geophone_block_io_duration_seconds",
                    Kind::Histogram,
                    Unit::Seconds,
                    &["device", "operation"],
                ),
                "block_io",
            ),
            vec![
                (vec!["vda", "read"], waits(scale / 2)),
                (vec!["vda", "write"], waits(3)),
                (vec!["vda", "flush"], waits(0)),
                (vec!["dm-0 é", "read"], waits(1)),
            ],
        ),
        family(
            of_module(
                describe(
                    "geophone_block_io_size_bytes",
                    Kind::Histogram,
                    Unit::Bytes,
                    &["device"],
                ),
                "block_io",
            ),
            vec![(
                vec!["vda"],
                sizes(&[0, 512, 4096, 4096, 65_536, 1 << 20, 1 << 41]),
            )],
        ),
        family(
            of_module(
                describe(
                    "geophone_tcp_retransmitted_segments_total",
                    Kind::Counter,
                    Unit::None,
                    &["family", "reason"],
                ),
                "tcp",
            ),
            vec![
                (vec!["ipv4", "rto"], count(17)),
                (vec!["ipv4", "fast"], count(0)),
                (vec!["ipv6", "rto"], count(4)),
            ],
        ),
        // Not attached: no series, and so no trace of it.
        family(
            of_module(
                describe("geophone_tcp_resets_total", Kind::Counter, Unit::None, &[]),
                "tcp",
            ),
            vec![],
        ),
    ]
}

pub fn snapshot(scale: u32) -> Snapshot {
    Snapshot {
        taken: SystemTime::now(),
        families: families(scale),
        late: Vec::new(),
    }
}
