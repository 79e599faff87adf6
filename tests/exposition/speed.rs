//! `cargo test --release --test exposition -- --ignored --nocapture speed`

use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use geophone::export::otlp::{
    Baseline, Encoding, HistogramAggregation, Requests, Resource, Shape, Temporality,
};
use geophone::export::prometheus::{Escaping, Exposition, Format, encode};
use geophone::snapshot::{Kind, Snapshot, Unit};

use crate::{openmetrics, sample};

/// 9,600 counters with two labels and 400 histograms of 25 classic buckets: 20,800 lines of
/// text. Prints the fastest of 20 rounds.
#[test]
#[ignore = "measures; meaningful in release builds alone"]
fn encoding_speed() {
    let names: Vec<String> = (0..9600).map(|i| format!("device-{i}")).collect();
    let counters = sample::family(
        sample::descriptor(
            "geophone_x_total",
            Kind::Counter,
            Unit::None,
            &["device", "operation"],
        ),
        names
            .iter()
            .enumerate()
            .map(|(i, name)| {
                (
                    vec![name.as_str(), "read"],
                    sample::count(i as u64 * 7_919_873),
                )
            })
            .collect(),
    );
    let histograms = sample::family(
        sample::descriptor(
            "geophone_x_seconds",
            Kind::Histogram,
            Unit::Seconds,
            &["device", "operation"],
        ),
        names
            .iter()
            .take(400)
            .map(|name| (vec![name.as_str(), "read"], sample::waits(5000)))
            .collect(),
    );
    let families = [counters, histograms];
    for format in [
        Format::Text004,
        Format::OpenMetrics100(Escaping::Underscores),
        Format::Protobuf(None),
    ] {
        measure(&format!("{format:?}"), || {
            encode(format, &families, &Exposition::default())
                .unwrap()
                .len()
        });
    }
    let snapshot = Arc::new(Snapshot {
        families: families.to_vec(),
        ..sample::snapshot(0)
    });
    for histograms in [
        HistogramAggregation::Exponential,
        HistogramAggregation::Explicit,
    ] {
        measure(&format!("OTLP, {histograms:?}"), || {
            otlp(&snapshot, histograms)
        });
    }
    let page = encode(Format::Text004, &families, &Exposition::default()).unwrap();
    for level in [1, 6] {
        measure(&format!("gzip, level {level}"), || {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::new(level));
            encoder.write_all(&page).unwrap();
            encoder.finish().unwrap().len()
        });
    }
    measure("prometheus-client", || {
        openmetrics::peer_page(&families, true).len()
    });
}

/// Bytes of all requests.
fn otlp(snapshot: &Arc<Snapshot>, histograms: HistogramAggregation) -> usize {
    let encoding = Encoding {
        shape: Shape {
            temporality: Temporality::Cumulative,
            histograms,
        },
        resource: Arc::new(Resource::new([("host.name", "host")])),
        max_request_bytes: 4 << 20,
    };
    let mut requests = Requests::new(Arc::clone(snapshot));
    let baseline = Baseline::default();
    let all = std::iter::from_fn(|| requests.next(&encoding, &baseline));
    all.map(|request| request.body.len()).sum()
}

fn measure(what: &str, encode: impl Fn() -> usize) {
    let mut best = Duration::MAX;
    let mut bytes = 0;
    for _ in 0..20 {
        let begin = Instant::now();
        bytes = encode();
        best = best.min(begin.elapsed());
    }
    println!("{what}: {best:?} for {bytes} bytes");
}
