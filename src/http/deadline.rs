use std::time::Duration;

use hyper::HeaderMap;

use super::limits::{SCRAPE_MARGIN, SCRAPE_MARGIN_SHARE};

const SCRAPE_TIMEOUT_HEADER: &str = "x-prometheus-scrape-timeout-seconds";

/// How long the scraper will wait, by its own header. None where it does not say, or says
/// nothing that can be kept.
pub(super) fn scrape_timeout(headers: &HeaderMap) -> Option<Duration> {
    let seconds: f64 = headers
        .get(SCRAPE_TIMEOUT_HEADER)?
        .to_str()
        .ok()?
        .trim()
        .parse()
        .ok()?;
    Duration::try_from_secs_f64(seconds)
        .ok()
        .filter(|timeout| !timeout.is_zero())
}

/// The part of a scraper's timeout that may pass before the snapshot is complete.
pub(super) fn sweep_budget(timeout: Duration) -> Duration {
    timeout.saturating_sub(SCRAPE_MARGIN.min(timeout.mul_f64(SCRAPE_MARGIN_SHARE)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn timeout(header: &str) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert(SCRAPE_TIMEOUT_HEADER, header.parse().unwrap());
        scrape_timeout(&headers)
    }

    #[test]
    fn only_usable_timeouts_are_kept() {
        assert_eq!(timeout("10"), Some(Duration::from_secs(10)));
        assert_eq!(timeout(" 0.25 "), Some(Duration::from_millis(250)));
        for header in ["", "0", "-1", "NaN", "inf", "1e300", "ten", "1e-30"] {
            assert_eq!(timeout(header), None, "{header}");
        }
    }

    #[test]
    fn short_timeouts_keep_most_of_their_time() {
        assert_eq!(
            sweep_budget(Duration::from_secs(10)),
            Duration::from_millis(9500)
        );
        assert_eq!(
            sweep_budget(Duration::from_secs(1)),
            Duration::from_millis(800)
        );
        assert_eq!(
            sweep_budget(Duration::from_millis(10)),
            Duration::from_millis(8)
        );
        assert!(sweep_budget(Duration::MAX) > Duration::from_secs(1 << 40));
    }
}
