//! Messages on standard error, as logfmt or JSON lines, counted by level.

mod counts;
mod fields;
mod filter;
mod line;

pub use counts::LogCounts;

use std::sync::Arc;

use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::Registry;

use crate::config::{Log, LogLevel};
use crate::telemetry::Telemetry;
use counts::CountingLayer;
use filter::Filter;
use line::Line;

/// Sends messages of the whole process to standard error, and Geophone's own to where `telemetry`
/// takes them, and its spans. The counts go on for as long as the process lives.
///
/// # Errors
/// When it was done before.
pub fn init(
    log: Log,
    telemetry: Option<&Telemetry>,
) -> Result<Arc<LogCounts>, tracing::subscriber::SetGlobalDefaultError> {
    let counts = Arc::new(LogCounts::default());
    let subscriber = subscriber(log, telemetry, counts.clone(), std::io::stderr);
    tracing::subscriber::set_global_default(subscriber)?;
    Ok(counts)
}

/// What [`init`] installs, for any writer.
pub fn subscriber<W>(
    log: Log,
    telemetry: Option<&Telemetry>,
    counts: Arc<LogCounts>,
    writer: W,
) -> impl Subscriber + Send + Sync + 'static
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let lines = tracing_subscriber::fmt::layer()
        .with_ansi(false)
        .event_format(Line(log.format))
        .with_writer(writer)
        .with_filter(filter_fn(filter::is_message));
    let messages = telemetry.and_then(Telemetry::messages);
    let messages = messages.map(|layer| layer.with_filter(filter_fn(filter::is_own_message)));
    let spans = telemetry.and_then(Telemetry::spans);
    let has_spans = spans.is_some();
    let spans = spans.map(|layer| layer.with_filter(filter_fn(filter::is_span)));
    Registry::default()
        .with(Filter {
            level: level(log.level),
            spans: has_spans,
        })
        .with(CountingLayer(counts))
        .with(lines)
        .with(messages)
        .with(spans)
}

fn level(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Error => LevelFilter::ERROR,
    }
}

#[cfg(test)]
mod tests;
