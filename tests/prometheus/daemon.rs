use geophone_test_support::daemon::Options;
use geophone_test_support::{privileges, tool};

use crate::instance::Prometheus;
use crate::scrape::assert_clean;

/// The whole line: from the kernel to a query, by classic and by native histograms.
#[test]
fn the_daemon_is_scraped_without_complaint() {
    let (true, Some(program)) = (privileges::present(), tool::prometheus()) else {
        return;
    };
    let daemon = Options::new(env!("CARGO_BIN_EXE_geophone"))
        .start()
        .unwrap();
    let flags = ["--enable-feature=native-histograms"];
    let jobs = [("native", "always_scrape_classic_histograms: true")];
    let old = tool::version(&program).unwrap() < (3, 0);
    let (flags, jobs): (&[&str], _) = if old {
        (&[], [("classic", "")])
    } else {
        (&flags, jobs)
    };
    let prometheus = Prometheus::start(&program, flags, daemon.address(), &jobs);
    assert_clean(&prometheus, 1);
    let active = prometheus.value("geophone_module_state{module=\"runqueue\",state=\"active\"}");
    assert!((active - 1.0).abs() < 0.1);
    let quantile = |of: &str| prometheus.value(&format!("histogram_quantile(0.9, {of})"));
    let classic = quantile("geophone_runqueue_wait_seconds_bucket");
    assert!(classic > 0.0, "{classic}");
    if !old {
        // Classic buckets are an octave wide, and the scrape is the same.
        let native = quantile("geophone_runqueue_wait_seconds");
        assert!(
            native <= 2.0 * classic && classic <= 2.0 * native,
            "{native} beside {classic}"
        );
    }
}
