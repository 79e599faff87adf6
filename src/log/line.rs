use std::fmt;
use std::time::SystemTime;

use serde_json::{Map, Value};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use super::fields::Fields;
use crate::config::LogFormat;

/// Writes a message as one line: `ts`, `level`, `msg`, then its fields.
pub(super) struct Line(pub(super) LogFormat);

impl<S, N> FormatEvent<S, N> for Line
where
    S: Subscriber + for<'s> LookupSpan<'s>,
    N: for<'w> FormatFields<'w> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut out: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let time = humantime::format_rfc3339_millis(SystemTime::now()).to_string();
        let level = level(*event.metadata().level());
        match self.0 {
            LogFormat::Logfmt => logfmt(&mut out, &time, level, &fields),
            LogFormat::Json => json(&mut out, time, level, fields),
        }
    }
}

fn level(level: Level) -> &'static str {
    match level {
        Level::ERROR => "error",
        Level::WARN => "warn",
        Level::INFO => "info",
        _ => "debug",
    }
}

fn logfmt(out: &mut Writer<'_>, time: &str, level: &str, fields: &Fields) -> fmt::Result {
    write!(out, "ts={time} level={level} msg=")?;
    quoted(out, &fields.message)?;
    for (name, value) in &fields.others {
        write!(out, " {name}=")?;
        match value {
            Value::String(text) if is_plain(text) => out.write_str(text)?,
            Value::String(text) => quoted(out, text)?,
            value => write!(out, "{value}")?,
        }
    }
    writeln!(out)
}

/// Whether logfmt readers take the text as it is.
fn is_plain(text: &str) -> bool {
    !text.is_empty()
        && !text
            .chars()
            .any(|c| c <= ' ' || c.is_control() || matches!(c, '"' | '=' | '\\'))
}

/// Writes text in quotes, so that it stays on its line and ends where it should.
fn quoted(out: &mut Writer<'_>, text: &str) -> fmt::Result {
    out.write_char('"')?;
    for c in text.chars() {
        match c {
            '"' => out.write_str("\\\"")?,
            '\\' => out.write_str("\\\\")?,
            '\n' => out.write_str("\\n")?,
            '\r' => out.write_str("\\r")?,
            '\t' => out.write_str("\\t")?,
            c if c.is_control() => write!(out, "\\u{:04x}", u32::from(c))?,
            c => out.write_char(c)?,
        }
    }
    out.write_char('"')
}

fn json(out: &mut Writer<'_>, time: String, level: &str, fields: Fields) -> fmt::Result {
    let mut object = Map::new();
    for (name, value) in fields.others {
        object.insert(name.to_owned(), value);
    }
    // Last, so that no field can pass for them.
    object.insert("ts".into(), time.into());
    object.insert("level".into(), level.into());
    object.insert("msg".into(), fields.message.into());
    writeln!(out, "{}", Value::Object(object))
}
