use tracing::level_filters::LevelFilter;
use tracing::{Level, Metadata, Subscriber, subscriber::Interest};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// Geophone's own part of what is logged.
const OWN: &str = env!("CARGO_PKG_NAME");

/// Which messages are logged, and which spans there are. Whatever it refuses costs no more than
/// the look at a number.
#[derive(Debug, Clone, Copy)]
pub(super) struct Filter {
    /// Of Geophone's own messages.
    pub level: LevelFilter,
    /// Whether someone wants spans.
    pub spans: bool,
}

/// Whether it is Geophone itself that tells this, not a library.
pub(super) fn is_own(metadata: &Metadata<'_>) -> bool {
    let rest = metadata.target().strip_prefix(OWN);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

impl Filter {
    fn wants(self, metadata: &Metadata<'_>) -> bool {
        if metadata.is_span() {
            return self.spans && is_own(metadata);
        }
        let level = if is_own(metadata) {
            self.level
        } else {
            // At lower levels libraries tell every byte of a conversation.
            self.level.min(LevelFilter::WARN)
        };
        *metadata.level() <= level
    }
}

impl<S: Subscriber> Layer<S> for Filter {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.wants(metadata) {
            Interest::always()
        } else {
            Interest::never()
        }
    }

    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        self.wants(metadata)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        let spans = if self.spans {
            Level::INFO.into()
        } else {
            LevelFilter::OFF
        };
        Some(self.level.max(spans))
    }
}
