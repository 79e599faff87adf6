use geophone::export::prometheus::{EncodeError, Escaping, Exposition, Format, encode};
use geophone::snapshot::{Kind, Unit, Value};
use proptest::prelude::*;

use crate::{expected, reader, sample};

fn page(families: &[std::sync::Arc<geophone::snapshot::Family>], classic_buckets: bool) -> String {
    let page = encode(Format::Text004, families, &Exposition { classic_buckets }).unwrap();
    String::from_utf8(page).unwrap()
}

#[test]
fn a_page_is_written_as_prometheus_writes_it() {
    let mut info = sample::descriptor("x_info", Kind::Info, Unit::None, &["a", "b"]);
    info.help = "A \"quote\", a \\ and\na line.".to_owned();
    let mut size = sample::descriptor("x_size_bytes", Kind::Histogram, Unit::Bytes, &["c"]);
    size.classic = (9, 11);
    let families = [
        sample::family(info, vec![(vec!["\"", "\\\n"], Value::Info)]),
        sample::family(
            sample::descriptor("x_total", Kind::Counter, Unit::None, &[]),
            vec![(vec![], sample::count(12_345_678_901))],
        ),
        sample::family(size, vec![(vec!["d"], sample::sizes(&[512, 513, 1 << 20]))]),
    ];
    let expected = r#"# HELP x_info A "quote", a \\ and\na line.
# TYPE x_info gauge
x_info{a="\"",b="\\\n"} 1
# HELP x_total What x_total says.
# TYPE x_total counter
x_total 12345678901
# HELP x_size_bytes What x_size_bytes says.
# TYPE x_size_bytes histogram
x_size_bytes_bucket{c="d",le="512"} 1
x_size_bytes_bucket{c="d",le="1024"} 2
x_size_bytes_bucket{c="d",le="2048"} 2
x_size_bytes_bucket{c="d",le="+Inf"} 3
x_size_bytes_sum{c="d"} 1.049601e+06
x_size_bytes_count{c="d"} 3
"#;
    assert_eq!(page(&families, true), expected);
}

#[test]
fn without_classic_buckets_only_the_last_one_stays() {
    let text = page(&sample::families(1000), false);
    let page = reader::read(&text);
    let (_, metadata, samples) = page.family("geophone_runqueue_wait_seconds");
    assert_eq!(metadata.kind.as_deref(), Some("histogram"));
    assert_eq!(samples.len(), 3);
    assert_eq!(samples[0].labels["le"], "+Inf");
    assert_eq!(samples[0].value, 1000.0);
}

#[test]
fn what_is_not_measured_is_absent() {
    assert!(!page(&sample::families(10), true).contains("geophone_tcp_resets"));
    assert!(page(&[], true).is_empty());
}

#[test]
fn both_versions_are_the_same_page() {
    let families = sample::families(10);
    let exposition = Exposition::default();
    assert_eq!(
        encode(Format::Text004, &families, &exposition).unwrap(),
        encode(Format::Text100(Escaping::Dots), &families, &exposition).unwrap()
    );
}

#[test]
fn series_that_contradict_their_descriptor_are_refused_by_name() {
    let gauge = || sample::descriptor("x", Kind::Gauge, Unit::None, &["a"]);
    let cases = [
        (
            vec![(vec![], Value::Gauge(1.0))],
            "0 label values for 1 labels",
        ),
        (vec![(vec!["b"], sample::count(1))], "no Gauge value"),
    ];
    for (series, text) in cases {
        let families = [sample::family(gauge(), series)];
        for format in [
            Format::Text004,
            Format::OpenMetrics001,
            Format::Protobuf(None),
        ] {
            let error: EncodeError = encode(format, &families, &Exposition::default()).unwrap_err();
            assert!(error.to_string().starts_with("x: "), "{error}");
            assert!(error.to_string().contains(text), "{error}");
        }
    }
}

proptest! {
    #[test]
    fn every_page_reads_back(families in crate::strategy::families(), classic: bool) {
        let text = page(&families, classic);
        let page = reader::read(&text);
        let found = expected::sorted(page.samples().cloned().collect());
        expected::assert_same(&found, &expected::samples(&families, classic));
        for family in families.iter().filter(|family| !family.series.is_empty()) {
            let (_, metadata, _) = page.family(&family.descriptor.name);
            prop_assert_eq!(metadata.help.as_ref(), Some(&family.descriptor.help));
            prop_assert_eq!(metadata.unit.as_ref(), None);
        }
    }
}
