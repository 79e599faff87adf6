//! Prometheus as a receiver: what it was pushed is what it answers.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use geophone::config::OtlpProtocol;
use geophone::export::otlp::HistogramAggregation;
use geophone::push::resource_attributes;
use geophone::snapshot::{Descriptor, Family, Histogram, Kind, Series, Snapshot, Value};
use geophone_test_support::{tool, wait};

use crate::instance::Prometheus;
use crate::pushing::{Pushing, TAKEN, config, endpoint};

/// Prometheus with its receiver on; none with a notice where there is none.
fn receiver() -> Option<Prometheus> {
    let program = tool::prometheus_otlp()?;
    let flags = [tool::OTLP_RECEIVER, "--enable-feature=native-histograms"];
    let nobody = SocketAddr::from(([127, 0, 0, 1], 9));
    Some(Prometheus::start(&program, &flags, nobody, &[]))
}

/// Pushes snapshots until some arrived, then the last one, which is returned.
fn push(prometheus: &Prometheus, histograms: HistogramAggregation) -> Arc<Snapshot> {
    let mut endpoint = endpoint(OtlpProtocol::HttpProtobuf, &prometheus.otlp());
    endpoint.histograms = histograms;
    let mut config = config(&[("default", endpoint)]);
    config.interval = Duration::from_millis(200);
    let pushing = Pushing::start(&config);
    wait::until("snapshots to arrive", Duration::from_mins(1), || {
        let found = prometheus.query(TAKEN).unwrap_or_default();
        Ok(found.iter().any(|(_, value)| *value >= 3.0).then_some(()))
    })
    .unwrap_or_else(|error| panic!("{error}: {}", prometheus.log()));
    let source = Arc::clone(&pushing.source);
    pushing.stop();
    source.last()
}

fn selector(about: &Descriptor, series: &Series, suffix: &str) -> String {
    let mut selector = format!("{}{suffix}{{job=\"geophone\"", about.name);
    for (name, value) in about.labels.iter().zip(&series.labels) {
        write!(selector, ",{name}={:?}", &**value).unwrap();
    }
    selector + "}"
}

fn each(snapshot: &Snapshot, mut check: impl FnMut(&Family, &Series)) {
    let mut checked = 0;
    for family in &snapshot.families {
        for series in &family.series {
            check(family, series);
            checked += 1;
        }
    }
    assert!(checked > 10, "the sample has more");
}

#[track_caller]
fn close(found: f64, expected: f64, what: &str) {
    let error = (found - expected).abs();
    assert!(
        error <= expected.abs() * 1e-12,
        "{what}: {found}, not {expected}"
    );
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Counter(total) => Some(total.as_f64()),
        Value::Gauge(value) => Some(*value),
        Value::Info => Some(1.0),
        Value::Histogram(_) => None,
    }
}

/// What Prometheus takes for the threshold of the zero bucket of whatever it receives.
const ZERO: f64 = 1e-128;

/// Lower edge, upper edge and count of every bucket that holds something.
fn buckets(histogram: &Histogram) -> Vec<(f64, f64, f64)> {
    let mut buckets = Vec::new();
    let zero = ZERO;
    if histogram.zero_count > 0 {
        buckets.push((-zero, zero, histogram.zero_count as f64));
    }
    let base = 2f64.powf(2f64.powi(-i32::from(histogram.schema)));
    for (index, count) in (histogram.offset..).zip(&histogram.buckets) {
        if *count > 0 {
            buckets.push((base.powi(index - 1), base.powi(index), *count as f64));
        }
    }
    buckets
}

#[test]
fn exponential_histograms_arrive_as_native_ones() {
    let Some(prometheus) = receiver() else { return };
    let snapshot = push(&prometheus, HistogramAggregation::Exponential);
    each(&snapshot, |family, series| {
        let selector = selector(&family.descriptor, series, "");
        let Value::Histogram(expected) = &series.value else {
            let expected = number(&series.value).unwrap();
            return close(prometheus.value(&selector), expected, &selector);
        };
        let found = prometheus.histograms(&selector);
        assert_eq!(found.len(), 1, "{selector}: {found:?}");
        let found = &found[0].1;
        let parse = |value: &serde_json::Value| value.as_str().unwrap().parse::<f64>().unwrap();
        close(parse(&found["count"]), expected.count as f64, &selector);
        close(parse(&found["sum"]), expected.sum, &selector);
        let expected = buckets(expected);
        let none = Vec::new();
        let found = found["buckets"].as_array().unwrap_or(&none);
        assert_eq!(found.len(), expected.len(), "{selector}");
        for (found, (lower, upper, count)) in found.iter().zip(expected) {
            let near = |found: f64, edge: f64| (found - edge).abs() <= edge.abs() * 1e-9;
            assert!(
                near(parse(&found[1]), lower),
                "{selector}: {found} from {lower}"
            );
            assert!(
                near(parse(&found[2]), upper),
                "{selector}: {found} to {upper}"
            );
            close(parse(&found[3]), count, &selector);
        }
    });
}

#[test]
fn explicit_histograms_arrive_as_classic_ones() {
    let Some(prometheus) = receiver() else { return };
    let snapshot = push(&prometheus, HistogramAggregation::Explicit);
    each(&snapshot, |family, series| {
        let Value::Histogram(expected) = &series.value else {
            return;
        };
        let about = &family.descriptor;
        assert_eq!(about.kind, Kind::Histogram);
        let value = |suffix| prometheus.value(&selector(about, series, suffix));
        close(value("_count"), expected.count as f64, &about.name);
        close(value("_sum"), expected.sum, &about.name);
        let buckets = prometheus
            .query(&selector(about, series, "_bucket"))
            .unwrap();
        let (first, last) = about.classic;
        let mut edges = expected.at_powers_of_two(first, last);
        edges.push((f64::INFINITY, expected.count));
        assert_eq!(buckets.len(), edges.len(), "{}", about.name);
        for (edge, count) in edges {
            let le = |labels: &serde_json::Value| labels["le"].as_str().unwrap().parse::<f64>();
            let found = buckets
                .iter()
                .find(|(labels, _)| le(labels).unwrap().total_cmp(&edge).is_eq());
            let found = found.unwrap_or_else(|| panic!("{}: no le {edge}", about.name));
            close(found.1, count as f64, &about.name);
        }
    });
}

#[test]
fn the_resource_tells_who_pushes() {
    let Some(prometheus) = receiver() else { return };
    push(&prometheus, HistogramAggregation::Exponential);
    let attributes = resource_attributes(&config(&[]), &[]);
    let found = prometheus.query("target_info").unwrap();
    assert_eq!(found.len(), 1, "{found:?}");
    let labels = &found[0].0;
    assert_eq!(labels["job"], "geophone");
    assert_eq!(labels["instance"], attributes["service.instance.id"]);
    for (name, value) in &attributes {
        if name != "service.name" && name != "service.instance.id" {
            assert_eq!(labels[name.replace('.', "_")], *value, "{name}");
        }
    }
}
