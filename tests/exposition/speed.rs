//! `cargo test --release --test exposition -- --ignored --nocapture speed`

use std::time::{Duration, Instant};

use geophone::export::prometheus::{Escaping, Exposition, Format, encode};
use geophone::snapshot::{Kind, Unit};

use crate::sample;

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
        let mut best = Duration::MAX;
        let mut bytes = 0;
        for _ in 0..20 {
            let begin = Instant::now();
            bytes = encode(format, &families, &Exposition::default())
                .unwrap()
                .len();
            best = best.min(begin.elapsed());
        }
        println!("{format:?}: {best:?} for {bytes} bytes");
    }
}
