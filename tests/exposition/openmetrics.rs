//! OpenMetrics beside the encoder of `prometheus-client`, from the same families.

use std::sync::Arc;

use geophone::export::prometheus::{Escaping, Exposition, Format, encode};
use geophone::snapshot::{Family, Kind, Number, Unit, Value};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode as encode_text;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;
use proptest::prelude::*;

use crate::{expected, reader, sample};

fn page(families: &[Arc<Family>], classic_buckets: bool) -> String {
    let format = Format::OpenMetrics100(Escaping::Underscores);
    let page = encode(format, families, &Exposition { classic_buckets }).unwrap();
    String::from_utf8(page).unwrap()
}

#[test]
fn suffixes_units_and_edges_are_those_of_openmetrics() {
    let mut info = sample::descriptor("x_info", Kind::Info, Unit::None, &["a"]);
    info.help = "A \"quote\".".to_owned();
    let mut wait = sample::descriptor("x_wait_seconds", Kind::Histogram, Unit::Seconds, &[]);
    wait.classic = (-1, 0);
    let families = [
        sample::family(info, vec![(vec!["b"], Value::Info)]),
        sample::family(
            sample::descriptor("x_cpu_seconds_total", Kind::Counter, Unit::Seconds, &[]),
            vec![(vec![], Value::Counter(Number::Real(1.5)))],
        ),
        // Neither name carries what its type or unit asks for.
        sample::family(
            sample::descriptor("x_odd", Kind::Counter, Unit::Bytes, &[]),
            vec![(vec![], sample::count(1))],
        ),
        sample::family(wait, vec![(vec![], sample::waits(0))]),
    ];
    let expected = r#"# HELP x A \"quote\".
# TYPE x info
x_info{a="b"} 1
# HELP x_cpu_seconds What x_cpu_seconds_total says.
# TYPE x_cpu_seconds counter
# UNIT x_cpu_seconds seconds
x_cpu_seconds_total 1.5
# HELP x_odd What x_odd says.
# TYPE x_odd unknown
x_odd 1
# HELP x_wait_seconds What x_wait_seconds says.
# TYPE x_wait_seconds histogram
# UNIT x_wait_seconds seconds
x_wait_seconds_bucket{le="0.5"} 0
x_wait_seconds_bucket{le="1.0"} 0
x_wait_seconds_bucket{le="+Inf"} 0
x_wait_seconds_sum 0
x_wait_seconds_count 0
# EOF
"#;
    assert_eq!(page(&families, true), expected);
}

/// The families as `prometheus-client` would have them.
#[derive(Debug)]
struct Peer {
    families: Vec<Arc<Family>>,
    classic: bool,
}

impl Collector for Peer {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        for family in self
            .families
            .iter()
            .filter(|family| !family.series.is_empty())
        {
            let descriptor = &family.descriptor;
            let (suffix, kind) = match descriptor.kind {
                Kind::Counter => ("_total", MetricType::Counter),
                Kind::Gauge => ("", MetricType::Gauge),
                Kind::Histogram => ("", MetricType::Histogram),
                Kind::Info => ("_info", MetricType::Info),
            };
            let name = descriptor
                .name
                .strip_suffix(suffix)
                .ok_or(std::fmt::Error)?;
            // It writes help texts as they are.
            let help = descriptor.help.replace('\\', "\\\\").replace('\n', "\\n");
            let help = help.replace('"', "\\\"");
            let mut metric = encoder.encode_descriptor(name, &help, None, kind)?;
            for series in &family.series {
                let labels: Vec<(&str, &str)> = descriptor
                    .labels
                    .iter()
                    .map(String::as_str)
                    .zip(series.labels.iter().map(|value| &**value))
                    .collect();
                match &series.value {
                    Value::Info => metric.encode_info(&labels)?,
                    value => {
                        let mut metric = metric.encode_family(&labels)?;
                        match value {
                            Value::Counter(Number::Integer(total)) => {
                                metric.encode_counter::<NoLabelSet, _, u64>(total, None)?;
                            }
                            Value::Counter(Number::Real(total)) => {
                                metric.encode_counter::<NoLabelSet, _, f64>(total, None)?;
                            }
                            Value::Gauge(value) => metric.encode_gauge(value)?,
                            Value::Histogram(histogram) => {
                                let mut buckets = Vec::new();
                                let mut before = 0;
                                let (first, last) = descriptor.classic;
                                for exponent in (first..=last).filter(|_| self.classic) {
                                    let count = expected::up_to(histogram, exponent);
                                    buckets.push((2f64.powi(exponent), count - before));
                                    before = count;
                                }
                                buckets.push((f64::INFINITY, histogram.count - before));
                                metric.encode_histogram::<NoLabelSet>(
                                    histogram.sum,
                                    histogram.count,
                                    &buckets,
                                    None,
                                )?;
                            }
                            Value::Info => {}
                        }
                    }
                }
            }
        }
        Ok(())
    }
}

pub fn peer_page(families: &[Arc<Family>], classic: bool) -> String {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Peer {
        families: families.to_vec(),
        classic,
    }));
    let mut text = String::new();
    encode_text(&mut text, &registry).unwrap();
    text
}

/// The reason why the peer is a peer and not the encoder.
#[test]
fn edges_are_spelled_as_the_specification_asks_and_the_peer_does_not() {
    let families = sample::families(1);
    let (ours, peers) = (page(&families, true), peer_page(&families, true));
    for (edge, peers_edge) in [
        ("9.5367431640625e-07", "9.5367431640625e-7"),
        ("6.103515625e-05", "0.00006103515625"),
    ] {
        assert!(ours.contains(&format!("le=\"{edge}\"")), "{ours}");
        assert!(peers.contains(&format!("le=\"{peers_edge}\"")), "{peers}");
    }
}

proptest! {
    #[test]
    fn every_page_says_what_the_peer_says(
        families in crate::strategy::families(),
        classic: bool,
    ) {
        let ours = page(&families, classic);
        let peers = peer_page(&families, classic).replace(" inf\n", " +Inf\n").replace(" -inf\n", " -Inf\n");
        let ours = reader::read_openmetrics(&ours);
        let peers = reader::read_openmetrics(&peers);
        let samples = expected::sorted(ours.samples().cloned().collect());
        expected::assert_same(&samples, &expected::sorted(peers.samples().cloned().collect()));
        expected::assert_same(&samples, &expected::samples(&families, classic));
        for ((name, metadata, _), (peers_name, peers_metadata, _)) in
            ours.families.iter().zip(&peers.families)
        {
            prop_assert_eq!(name, peers_name);
            prop_assert_eq!(&metadata.kind, &peers_metadata.kind);
            prop_assert_eq!(&metadata.help, &peers_metadata.help);
            let unit = ["seconds", "bytes", "ratio"]
                .into_iter()
                .find(|unit| name.ends_with(unit) && metadata.kind.as_deref() != Some("info"));
            prop_assert_eq!(metadata.unit.as_deref(), unit);
        }
    }
}
