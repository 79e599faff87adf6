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

/// Whether this becomes a line.
pub(super) fn is_message(metadata: &Metadata<'_>) -> bool {
    metadata.is_event()
}

/// Whether this is sent over OTLP: what libraries say while they carry a message must not become
/// one that they carry.
pub(super) fn is_own_message(metadata: &Metadata<'_>) -> bool {
    is_message(metadata) && is_own(metadata)
}

/// Whether this tells of a time, not of a moment.
pub(super) fn is_span(metadata: &Metadata<'_>) -> bool {
    metadata.is_span()
}

/// Whether it is Geophone itself that tells this, not a library.
fn is_own(metadata: &Metadata<'_>) -> bool {
    let rest = metadata.target().strip_prefix(OWN);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

impl Filter {
    fn wants(self, metadata: &Metadata<'_>) -> bool {
        if is_span(metadata) {
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
