use std::time::Duration;

use super::Key;
use super::otlp::{otlp, otlp_endpoint};
use crate::config::otlp::DEFAULT;
use crate::config::{Form, source};
use crate::document::{Origin, Value};

pub(super) const HOUR: Duration = Duration::from_hours(1);

/// The keys there are without any module.
pub fn base() -> Vec<Key> {
    [
        top(),
        web(),
        log(),
        sweep(),
        exposition_and_statistics(),
        otlp(),
        otlp_endpoint(DEFAULT),
        modules(),
    ]
    .concat()
}

pub(super) fn text(text: &str) -> Value {
    Value::String(text.into())
}

fn top() -> Vec<Key> {
    vec![
        Key::new(
            "btf",
            Form::Path,
            text(""),
            "BTF file to use instead of /sys/kernel/btf/vmlinux",
        )
        .details(&[
            "For kernels that carry no BTF of their own, which cannot tell whether the file is",
            "theirs: with another kernel's, metrics are wrong. A kernel that has its own refuses",
            "any other. Empty: the kernel's.",
        ])
        .flag("btf", "FILE"),
        Key::new(
            "module_dirs",
            Form::Paths,
            Value::Array(vec![]),
            "Directories of further modules",
        )
        .details(&["A module is a pair NAME.toml (manifest) and NAME.o (eBPF object)."])
        .flag("module-dir", "DIR"),
        Key::new(
            "hooks.avoid",
            Form::Choice(&["none", "tp_btf", "raw_tp", "tracepoint", "fentry", "kprobe"]),
            text("none"),
            "A kind of hook to attach programs to only where there is no other way",
        )
        .details(&[
            "For a kernel on which that kind does harm. What is attached to instead may cost more:",
            "see geophone doctor.",
        ]),
    ]
}

fn web() -> Vec<Key> {
    vec![
        Key::new(
            "web.listen_addresses",
            Form::Addresses,
            source::list(["[::]:10435"], &Origin::Default),
            "Addresses to listen on",
        )
        .details(&[
            "\"host:port\", \":port\" or \"[ipv6]:port\"; the host is an IP address or localhost.",
            "\"[::]:10435\" takes IPv4 too.",
        ])
        .flag("web.listen-address", "ADDRESS"),
        Key::new(
            "web.telemetry_path",
            Form::UrlPath,
            text("/metrics"),
            "Path of the metrics",
        )
        .flag("web.telemetry-path", "PATH"),
        Key::new(
            "web.max_requests",
            Form::Integer { min: 1, max: 1000 },
            Value::Integer(40),
            "Scrapes served at once; more are answered with 503",
        )
        .flag("web.max-requests", "N"),
        Key::new(
            "web.systemd_socket",
            Form::Boolean,
            Value::Boolean(false),
            "Listen on the sockets that systemd hands over, and on no others",
        )
        .details(&["Those of geophone.socket; web.listen_addresses then says nothing."])
        .switch("web.systemd-socket"),
    ]
}

fn log() -> Vec<Key> {
    vec![
        Key::new(
            "log.level",
            Form::Choice(&["debug", "info", "warn", "error"]),
            text("info"),
            "Least severe messages to log",
        )
        .flag("log.level", "LEVEL"),
        Key::new(
            "log.format",
            Form::Choice(&["logfmt", "json"]),
            text("logfmt"),
            "Format of log messages, on standard error",
        )
        .flag("log.format", "FORMAT"),
    ]
}

fn sweep() -> Vec<Key> {
    vec![
        Key::new(
            "sweep.interval",
            Form::Duration {
                min: Duration::from_secs(1),
                max: HOUR,
            },
            text("15s"),
            "Time between sweeps of the maps when nobody scrapes",
        )
        .flag("sweep.interval", "DURATION"),
        Key::new(
            "sweep.min_interval",
            Form::Duration {
                min: Duration::ZERO,
                max: HOUR,
            },
            text("1s"),
            "A scrape is served from a snapshot younger than this",
        )
        .details(&["At most sweep.interval."])
        .flag("sweep.min-interval", "DURATION"),
    ]
}

fn exposition_and_statistics() -> Vec<Key> {
    vec![
        Key::new(
            "exposition.classic_buckets",
            Form::Boolean,
            Value::Boolean(true),
            "Expose classic le buckets beside native histograms",
        )
        .details(&["Set to false if your Prometheus scrapes native histograms: far fewer series."]),
        Key::new(
            "statistics.window",
            Form::Duration {
                min: Duration::ZERO,
                max: HOUR,
            },
            text("1s"),
            "How long in each period the kernel measures the programs' run time",
        )
        .details(&[
            "Measuring costs a little on every event. \"0s\" is never, and as long as the period",
            "always; at most the period.",
        ]),
        Key::new(
            "statistics.period",
            Form::Duration {
                min: Duration::from_secs(1),
                max: HOUR * 24,
            },
            text("60s"),
            "How often the kernel measures the programs' run time",
        ),
    ]
}

fn modules() -> Vec<Key> {
    vec![
        Key::new(
            "modules.default",
            Form::Enabled,
            text("auto"),
            "Whether modules run that do not say it themselves",
        )
        .details(&[
            "true: they must; if one is neither active nor waiting for its library, run logs an",
            "error and serves the others, and collect fails after it has printed them;",
            "false: they do not;",
            "\"auto\": they do if this kernel lets them.",
            "Not those that are off by default, whose own key says so.",
        ]),
    ]
}
