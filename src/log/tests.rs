#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::Write;
use std::sync::Mutex;

use tracing::{debug, error, info, warn};

use super::*;
use crate::config::LogFormat;

/// Collects what is logged.
#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn logged(level: LogLevel, format: LogFormat, body: impl FnOnce()) -> (String, Arc<LogCounts>) {
    let sink = Sink::default();
    let counts = Arc::new(LogCounts::default());
    let writer = sink.clone();
    let subscriber = subscriber(Log { level, format }, None, counts.clone(), move || {
        writer.clone()
    });
    tracing::subscriber::with_default(subscriber, body);
    let bytes = sink.0.lock().unwrap().clone();
    (String::from_utf8(bytes).unwrap(), counts)
}

/// The line without its time, which must be one.
fn without_time(line: &str) -> &str {
    let (time, rest) = line.strip_prefix("ts=").unwrap().split_once(' ').unwrap();
    humantime::parse_rfc3339(time).unwrap();
    rest
}

#[test]
fn logfmt_quotes_what_needs_it() {
    let (text, _) = logged(LogLevel::Info, LogFormat::Logfmt, || {
        let name = "block io";
        let failure = std::io::Error::other("no");
        let error: &dyn std::error::Error = &failure;
        info!(
            module = "tcp",
            name,
            programs = 3_u64,
            ok = true,
            r#type = "x",
            "module attached"
        );
        warn!(
            path = "a=\"b\"\\",
            empty = "",
            text = "two\nlines\t\u{1b}[0m",
            "odd \"things\""
        );
        error!(error, ratio = 0.5, debug = ?Some("x"), "failed");
    });
    let lines: Vec<&str> = text.lines().map(without_time).collect();
    assert_eq!(
        lines,
        [
            r#"level=info msg="module attached" module=tcp name="block io" programs=3 ok=true type=x"#,
            r#"level=warn msg="odd \"things\"" path="a=\"b\"\\" empty="" text="two\nlines\t\u001b[0m""#,
            r#"level=error msg="failed" error=no ratio=0.5 debug="Some(\"x\")""#,
        ]
    );
}

#[test]
fn json_lines_are_objects() {
    let (text, _) = logged(LogLevel::Debug, LogFormat::Json, || {
        debug!(
            module = "tcp",
            runs = 7_u64,
            level = "forged",
            nan = f64::NAN,
            "two\nlines"
        );
    });
    assert_eq!(text.lines().count(), 1);
    let object: serde_json::Value = serde_json::from_str(&text).unwrap();
    humantime::parse_rfc3339(object["ts"].as_str().unwrap()).unwrap();
    assert_eq!(object["level"], "debug");
    assert_eq!(object["msg"], "two\nlines");
    assert_eq!(object["module"], "tcp");
    assert_eq!(object["runs"], 7);
    assert_eq!(object["nan"], "NaN");
}

#[test]
fn errors_show_their_causes_once() {
    #[derive(Debug, thiserror::Error)]
    #[error("cannot load")]
    struct Outer(#[source] std::io::Error);
    let (text, _) = logged(LogLevel::Info, LogFormat::Logfmt, || {
        let outer = Outer(std::io::Error::other("denied"));
        let error: &dyn std::error::Error = &outer;
        error!(error, "x");
    });
    assert!(
        text.ends_with("msg=\"x\" error=\"cannot load: denied\"\n"),
        "{text}"
    );
}

#[test]
fn levels_filter_lines_and_counts() {
    let (text, counts) = logged(LogLevel::Warn, LogFormat::Logfmt, || {
        debug!("a");
        info!("b");
        warn!("c");
        warn!("d");
        error!("e");
    });
    assert_eq!(text.lines().count(), 3, "{text}");
    assert_eq!(
        counts.by_level(),
        [("debug", 0), ("info", 0), ("warn", 2), ("error", 1)]
    );
    let (_, counts) = logged(LogLevel::Debug, LogFormat::Json, || debug!("a"));
    assert_eq!(counts.by_level()[0], ("debug", 1));
}

#[test]
fn libraries_log_from_warnings_up() {
    for (level, expected) in [
        (LogLevel::Debug, &["own", "warning"][..]),
        (LogLevel::Warn, &["warning"]),
        (LogLevel::Error, &[]),
    ] {
        let (text, _) = logged(level, LogFormat::Logfmt, || {
            debug!("own");
            debug!(target: "h2::codec", "bytes");
            info!(target: "hyper", "connected");
            // No part of ours.
            info!(target: "geophone_histogram", "filled");
            warn!(target: "rustls::client", "warning");
        });
        let messages: Vec<&str> = text
            .lines()
            .map(|line| line.rsplit_once("msg=").unwrap().1.trim_matches('"'))
            .collect();
        assert_eq!(messages, expected);
    }
}
