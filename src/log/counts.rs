use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// How many messages were logged, by level. What the configured level suppresses is not
/// counted.
#[derive(Debug, Default)]
pub struct LogCounts {
    debug: AtomicU64,
    info: AtomicU64,
    warn: AtomicU64,
    error: AtomicU64,
}

impl LogCounts {
    /// Every level by the name that the messages carry, with its count.
    pub fn by_level(&self) -> [(&'static str, u64); 4] {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        [
            ("debug", count(&self.debug)),
            ("info", count(&self.info)),
            ("warn", count(&self.warn)),
            ("error", count(&self.error)),
        ]
    }

    fn of(&self, level: Level) -> &AtomicU64 {
        match level {
            Level::ERROR => &self.error,
            Level::WARN => &self.warn,
            Level::INFO => &self.info,
            _ => &self.debug,
        }
    }
}

/// Counts every message that passes the level's filter.
pub(super) struct CountingLayer(pub(super) Arc<LogCounts>);

impl<S: Subscriber> Layer<S> for CountingLayer {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        self.0
            .of(*event.metadata().level())
            .fetch_add(1, Ordering::Relaxed);
    }
}
