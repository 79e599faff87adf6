use std::time::Instant;

use tracing::{debug, info, warn};

/// Says once that something fails, and once that it works again.
#[derive(Debug)]
pub(super) struct Streak {
    endpoint: String,
    failing_since: Option<Instant>,
    failures: u64,
    /// What was last said of points that the endpoint does not take.
    complaint: String,
}

impl Streak {
    pub fn new(endpoint: &str) -> Self {
        Self {
            endpoint: endpoint.to_owned(),
            failing_since: None,
            failures: 0,
            complaint: String::new(),
        }
    }

    pub fn failed(&mut self, reason: &str) {
        let endpoint = &self.endpoint;
        self.failures += 1;
        if self.failing_since.is_none() {
            self.failing_since = Some(Instant::now());
            warn!(%endpoint, %reason, "OTLP endpoint does not take metrics; trying again");
        } else {
            debug!(%endpoint, %reason, "OTLP endpoint still does not take metrics");
        }
    }

    pub fn accepted(&mut self, rejected: u64, message: &str) {
        let endpoint = &self.endpoint;
        if let Some(since) = self.failing_since.take() {
            let after = humantime::format_duration(std::time::Duration::from_secs(
                since.elapsed().as_secs(),
            ));
            info!(%endpoint, %after, attempts = self.failures, "OTLP endpoint takes metrics again");
            self.failures = 0;
        }
        if rejected == 0 && message.is_empty() {
            self.complaint.clear();
        } else if self.is_new(message) {
            let endpoint = &self.endpoint;
            warn!(%endpoint, rejected, %message, "OTLP endpoint took metrics with reservations");
        }
    }

    pub fn refused(&mut self, reason: &str) {
        if self.is_new(reason) {
            let endpoint = &self.endpoint;
            warn!(%endpoint, %reason, "OTLP endpoint refused metrics, which are dropped");
        }
    }

    fn is_new(&mut self, complaint: &str) -> bool {
        let is_new = self.complaint != complaint || complaint.is_empty();
        complaint.clone_into(&mut self.complaint);
        is_new
    }
}
