use std::time::Instant;

use tracing::{debug, info, warn};

use super::transport::Signal;

/// Says once that something fails, and once that it works again.
#[derive(Debug)]
pub(crate) struct Streak {
    endpoint: String,
    signal: Signal,
    failing_since: Option<Instant>,
    failures: u64,
    /// What was last said of points that the endpoint does not take.
    complaint: String,
}

impl Streak {
    pub fn new(endpoint: &str, signal: Signal) -> Self {
        Self {
            endpoint: endpoint.to_owned(),
            signal,
            failing_since: None,
            failures: 0,
            complaint: String::new(),
        }
    }

    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    pub fn failed(&mut self, reason: &str) {
        let Self {
            endpoint, signal, ..
        } = &*self;
        if self.failing_since.is_none() {
            warn!(%endpoint, %reason, "OTLP endpoint does not take {signal}; trying again");
            self.failing_since = Some(Instant::now());
        } else {
            debug!(%endpoint, %reason, "OTLP endpoint still does not take {signal}");
        }
        self.failures += 1;
    }

    pub fn accepted(&mut self, rejected: u64, message: &str) {
        let Self {
            endpoint, signal, ..
        } = &*self;
        if let Some(since) = self.failing_since {
            let after = humantime::format_duration(std::time::Duration::from_secs(
                since.elapsed().as_secs(),
            ));
            info!(%endpoint, %after, attempts = self.failures, "OTLP endpoint takes {signal} again");
            self.failing_since = None;
            self.failures = 0;
        }
        if rejected == 0 && message.is_empty() {
            self.complaint.clear();
        } else if self.is_new(message) {
            let Self {
                endpoint, signal, ..
            } = &*self;
            warn!(%endpoint, rejected, %message, "OTLP endpoint took {signal} with reservations");
        }
    }

    pub fn refused(&mut self, reason: &str) {
        if self.is_new(reason) {
            let Self {
                endpoint, signal, ..
            } = &*self;
            warn!(%endpoint, %reason, "OTLP endpoint refused {signal}, which are dropped");
        }
    }

    fn is_new(&mut self, complaint: &str) -> bool {
        let is_new = self.complaint != complaint;
        complaint.clone_into(&mut self.complaint);
        is_new
    }
}
