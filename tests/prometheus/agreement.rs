//! Native and classic histograms of the same events tell the same story.

use geophone::export::prometheus::Exposition;
use geophone_test_support::tool;

use crate::instance::Prometheus;
use crate::scrape::assert_clean;
use crate::target::Target;

const HISTOGRAMS: [&str; 3] = [
    "geophone_runqueue_wait_seconds",
    "geophone_block_io_duration_seconds{device=\"vda\",operation=\"read\"}",
    "geophone_block_io_size_bytes",
];

#[test]
fn native_and_classic_quantiles_lie_in_the_same_bucket() {
    let Some(program) = tool::prometheus() else {
        return;
    };
    let version = tool::version(&program).unwrap();
    if version < (2, 45) {
        let program = program.display();
        eprintln!("SKIPPED: {program} keeps only one kind of histogram at a time");
        return;
    }
    let mut options = if version < (3, 0) {
        "scrape_classic_histograms: true".to_owned()
    } else {
        "always_scrape_classic_histograms: true".to_owned()
    };
    if version >= (3, 8) {
        options.push_str("\nscrape_native_histograms: true");
    }
    let target = Target::start(Exposition::default());
    let flags = ["--enable-feature=native-histograms"];
    let prometheus = Prometheus::start(&program, &flags, target.address, &[("native", &options)]);
    assert_clean(&prometheus, 1);
    for histogram in HISTOGRAMS {
        let (name, labels) = histogram.split_at(histogram.find('{').unwrap_or(histogram.len()));
        assert_same(
            &prometheus,
            &format!("histogram_count({histogram})"),
            &format!("{name}_count{labels}"),
        );
        assert_same(
            &prometheus,
            &format!("histogram_sum({histogram})"),
            &format!("{name}_sum{labels}"),
        );
        for quantile in [0.1, 0.5, 0.9, 0.99] {
            let native = prometheus.value(&format!("histogram_quantile({quantile}, {histogram})"));
            let classic = format!("histogram_quantile({quantile}, {name}_bucket{labels})");
            let classic = prometheus.value(&classic);
            let edges = prometheus.query(&format!("{name}_bucket{labels}")).unwrap();
            let mut edges: Vec<f64> = edges
                .iter()
                .map(|(labels, _)| labels["le"].as_str().unwrap().parse().unwrap())
                .collect();
            edges.sort_by(f64::total_cmp);
            let bucket = |value: f64| edges.iter().position(|edge| value <= *edge).unwrap();
            assert!(
                bucket(native) == bucket(classic)
                    // A quantile above the last finite edge is that edge in the classic way.
                    || (bucket(native) == edges.len() - 1 && bucket(classic) == edges.len() - 2),
                "{histogram}, quantile {quantile}: native {native}, classic {classic}"
            );
        }
    }
    // Without observations it is native all the same.
    let empty = "geophone_block_io_duration_seconds{operation=\"flush\"}";
    assert!(prometheus.value(&format!("histogram_count({empty})")).abs() < 0.5);
}

#[test]
fn without_classic_buckets_the_native_ones_remain() {
    let Some(program) = tool::prometheus() else {
        return;
    };
    let options = if tool::version(&program).unwrap() >= (3, 8) {
        "scrape_native_histograms: true"
    } else {
        ""
    };
    let target = Target::start(Exposition {
        classic_buckets: false,
    });
    let flags = ["--enable-feature=native-histograms"];
    let prometheus = Prometheus::start(&program, &flags, target.address, &[("native", options)]);
    assert_clean(&prometheus, 1);
    let count = prometheus.value("histogram_count(geophone_runqueue_wait_seconds)");
    assert!((count - 20_000.0).abs() < 0.5);
    assert!(
        prometheus
            .query("{__name__=~\".*_bucket\"}")
            .unwrap()
            .is_empty()
    );
}

fn assert_same(prometheus: &Prometheus, native: &str, classic: &str) {
    let (native, classic) = (prometheus.value(native), prometheus.value(classic));
    assert!(
        (native - classic).abs() <= 1e-9 * classic.abs(),
        "native {native}, classic {classic}"
    );
}
