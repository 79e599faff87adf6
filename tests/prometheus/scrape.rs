use geophone::export::prometheus::Exposition;
use geophone_test_support::tool;

use crate::instance::{Job, Prometheus};
use crate::target::Target;

/// Asserts that all jobs are up and that nothing was complained about.
pub fn assert_clean(prometheus: &Prometheus, jobs: usize) {
    for target in prometheus.scraped_targets(jobs) {
        assert_eq!(target["health"], "up", "{target}");
        assert_eq!(target["lastError"], "", "{target}");
    }
    for line in prometheus.log().lines() {
        let complaint = ["level=WARN", "level=ERROR", "level=warn", "level=error"]
            .iter()
            .any(|level| line.contains(level));
        assert!(!(complaint && line.contains("scrape")), "{line}");
    }
}

#[test]
fn the_default_configuration_scrapes_without_complaint() {
    let Some(program) = tool::prometheus() else {
        return;
    };
    let target = Target::start(Exposition::default());
    let prometheus = Prometheus::start(&program, &[], target.address, &[("plain", "")]);
    assert_clean(&prometheus, 1);
    assert!((prometheus.value("geophone_runqueue_wait_seconds_count") - 20_000.0).abs() < 0.5);
    // Parsed whole: every sample of the page is a series.
    let scraped = prometheus.value("scrape_samples_scraped");
    let kept = prometheus.value("scrape_samples_post_metric_relabeling");
    assert!(
        scraped > 100.0 && (scraped - kept).abs() < 0.5,
        "{scraped}, {kept}"
    );
}

const PROTOCOLS: [Job<'_>; 5] = [
    ("text_0_0_4", "scrape_protocols: [PrometheusText0.0.4]"),
    ("text_1_0_0", "scrape_protocols: [PrometheusText1.0.0]"),
    (
        "openmetrics_0_0_1",
        "scrape_protocols: [OpenMetricsText0.0.1]",
    ),
    (
        "openmetrics_1_0_0",
        "scrape_protocols: [OpenMetricsText1.0.0]",
    ),
    // A server that takes no native histograms must be told to look for classic ones beside.
    (
        "protobuf",
        "scrape_protocols: [PrometheusProto]\nalways_scrape_classic_histograms: true",
    ),
];

#[test]
fn every_protocol_gives_the_same_series() {
    let Some(program) = tool::prometheus() else {
        return;
    };
    if tool::version(&program).unwrap() < (3, 0) {
        eprintln!(
            "SKIPPED: {} cannot be told which protocols to ask for",
            program.display()
        );
        return;
    }
    let target = Target::start(Exposition::default());
    let prometheus = Prometheus::start(&program, &[], target.address, &PROTOCOLS);
    assert_clean(&prometheus, PROTOCOLS.len());
    let jobs = prometheus.query("count by (job) ({job!=\"\", __name__=~\"geophone.*|process.*\"})");
    let counts: Vec<f64> = jobs.unwrap().into_iter().map(|(_, count)| count).collect();
    assert_eq!(counts.len(), PROTOCOLS.len());
    assert!(
        counts.iter().all(|count| (count - counts[0]).abs() < 0.5),
        "{counts:?}"
    );
    // Edges are labels: one spelling of each, whatever the protocol.
    let edges = "count(count by (le) (geophone_runqueue_wait_seconds_bucket))";
    assert!((prometheus.value(edges) - 26.0).abs() < 0.5);
}

#[test]
fn start_times_reach_the_server() {
    let Some(program) = tool::prometheus() else {
        return;
    };
    if tool::version(&program).unwrap() < (3, 0) {
        let program = program.display();
        eprintln!("SKIPPED: {program} takes no start times of counters");
        return;
    }
    let target = Target::start(Exposition::default());
    let flags = ["--enable-feature=created-timestamp-zero-ingestion"];
    let prometheus = Prometheus::start(&program, &flags, target.address, &[("start", "")]);
    assert_clean(&prometheus, 1);
    // The server puts a zero where counting began; the target never shows one itself.
    let segments = "geophone_tcp_retransmitted_segments_total{family=\"ipv4\",reason=\"rto\"}";
    assert!((prometheus.value(segments) - 17.0).abs() < 0.1);
    assert!(
        prometheus
            .value(&format!("min_over_time({segments}[1h])"))
            .abs()
            < 0.1
    );
}
