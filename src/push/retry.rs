use std::future::Future;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use tokio::time::sleep;

use super::limits::{GROWTH, Limits};

/// When a request that failed is sent again.
pub(crate) struct Retry {
    limits: Limits,
    backoff: ExponentialBackoff,
    /// Whether the end of the daemon has cut a wait short: once is enough.
    hurried: bool,
}

impl Retry {
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            backoff: backoff(limits),
            hurried: false,
        }
    }

    /// The endpoint has taken or refused a request: waits begin anew.
    pub fn answered(&mut self) {
        self.backoff = backoff(self.limits);
    }

    /// Waits as long as the endpoint asked, but no less than we think best; that alone, if it
    /// asked for nothing, which `closed` cuts short once.
    pub async fn wait(&mut self, asked: Option<Duration>, closed: impl Future<Output = ()>) {
        let own = self.backoff.next().unwrap_or(self.limits.longest_wait);
        if let Some(asked) = asked {
            // A clock that is ahead makes dates past.
            return sleep(asked.min(self.limits.longest_retry_after).max(own)).await;
        }
        if self.hurried {
            return sleep(own).await;
        }
        tokio::select! {
            () = sleep(own) => {}
            () = closed => self.hurried = true,
        }
    }
}

fn backoff(limits: Limits) -> ExponentialBackoff {
    ExponentialBuilder::new()
        .with_min_delay(limits.first_wait)
        .with_max_delay(limits.longest_wait)
        .with_factor(GROWTH)
        .with_jitter()
        .without_max_times()
        .build()
}
