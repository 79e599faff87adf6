//! Every key of the configuration.

use std::time::Duration;

use super::Form;
use crate::document::Value;
use crate::module::{Catalogue, KeySource, Manifest, OptionKind};

/// One key: its single source of type, bounds, default and text.
#[derive(Debug, Clone, PartialEq)]
pub struct Key {
    /// Sections and name, joined by dots.
    pub path: String,
    pub form: Form,
    /// None for a key that inherits another's value while it is not set.
    pub default: Option<Value>,
    /// What it does, one line without a period.
    pub summary: String,
    /// What else there is to know, for the reference file.
    pub details: &'static [&'static str],
    pub flag: Option<Flag>,
}

/// The command-line flag of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flag {
    /// Without the dashes.
    pub name: &'static str,
    /// Stands for the value in the help text.
    pub value: &'static str,
}

impl Key {
    fn new(path: &str, form: Form, default: Value, summary: &str) -> Self {
        let (path, summary) = (path.to_owned(), summary.to_owned());
        Self {
            path,
            form,
            default: Some(default),
            summary,
            details: &[],
            flag: None,
        }
    }

    fn details(self, details: &'static [&'static str]) -> Self {
        Self { details, ..self }
    }

    fn flag(self, name: &'static str, value: &'static str) -> Self {
        Self {
            flag: Some(Flag { name, value }),
            ..self
        }
    }

    /// The environment variable that sets it.
    pub fn variable(&self) -> String {
        super::environment::variable(&self.path)
    }

    /// The sections it is in, joined by dots; empty at the top.
    pub fn section(&self) -> &str {
        self.path
            .rsplit_once('.')
            .map_or("", |(section, _)| section)
    }

    /// Its name within its section.
    pub fn name(&self) -> &str {
        self.path
            .rsplit_once('.')
            .map_or(&*self.path, |(_, name)| name)
    }
}

/// The keys there are without any module.
pub fn base() -> Vec<Key> {
    let text = |text: &str| Value::String(text.into());
    let seconds = Duration::from_secs;
    let hour = seconds(3600);
    let duration = |min, max| Form::Duration { min, max };
    vec![
        Key::new(
            "btf",
            Form::Path,
            text(""),
            "BTF file to use instead of /sys/kernel/btf/vmlinux",
        )
        .details(&["For kernels that carry no BTF of their own. Empty: the kernel's."])
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
            "web.listen_addresses",
            Form::Addresses,
            super::source::list(["[::]:10435"]),
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
        Key::new(
            "sweep.interval",
            duration(seconds(1), hour),
            text("15s"),
            "Time between sweeps of the maps when nobody scrapes",
        )
        .flag("sweep.interval", "DURATION"),
        Key::new(
            "sweep.min_interval",
            duration(Duration::ZERO, hour),
            text("1s"),
            "A scrape is served from a snapshot younger than this",
        )
        .details(&["At most sweep.interval."])
        .flag("sweep.min-interval", "DURATION"),
        Key::new(
            "exposition.classic_buckets",
            Form::Boolean,
            Value::Boolean(true),
            "Expose classic le buckets beside native histograms",
        )
        .details(&["Set to false if your Prometheus scrapes native histograms: far fewer series."]),
        Key::new(
            "statistics.window",
            duration(Duration::ZERO, hour),
            text("1s"),
            "How long in each period the kernel measures the programs' run time",
        )
        .details(&[
            "Measuring costs a little on every event. \"0s\" is never; at most the period.",
        ]),
        Key::new(
            "statistics.period",
            duration(seconds(1), seconds(86_400)),
            text("60s"),
            "How often the kernel measures the programs' run time",
        ),
        Key::new(
            "modules.default",
            Form::Enabled,
            text("auto"),
            "Whether modules run that do not say it themselves",
        )
        .details(&[
            "true: they must, and it is an error if they cannot; false: they do not;",
            "\"auto\": they do if this kernel lets them.",
        ]),
    ]
}

/// The keys of one module's section, `[modules.NAME]`.
pub fn module(manifest: &Manifest) -> Vec<Key> {
    let path = |name: &str| format!("modules.{}.{name}", manifest.name);
    let mut keys = vec![
        Key {
            default: None,
            ..Key::new(
                &path("enabled"),
                Form::Enabled,
                Value::Boolean(true),
                "true, false or \"auto\"; what modules.default says unless set",
            )
        },
        Key::new(
            &path("schema"),
            Form::Integer { min: 0, max: 3 },
            Value::Integer(3),
            "Resolution of histograms: 2^schema buckets per octave",
        ),
        Key::new(
            &path("max_series"),
            Form::Integer {
                min: 1,
                max: 1_000_000,
            },
            Value::Integer(i64::from(manifest.max_series)),
            "Most series of each metric; what does not fit is folded into \"other\"",
        ),
    ];
    for option in &manifest.options {
        let (form, default) = match option.kind {
            OptionKind::Bool { default } => (Form::Boolean, Value::Boolean(default)),
            OptionKind::Integer { default, min, max } => {
                let default = i64::try_from(default).unwrap_or(i64::MAX);
                (Form::Integer { min, max }, Value::Integer(default))
            }
        };
        let summary = option.help.trim_end_matches('.');
        keys.push(Key::new(&path(&option.name), form, default, summary));
    }
    for key in manifest.discovered() {
        let KeySource::Discovered {
            include, exclude, ..
        } = &key.source
        else {
            continue;
        };
        let label = &key.label;
        let of = |what: &str| format!("Only {label}s that match this {what}");
        let mut include_key = Key::new(
            &path(&format!("{label}_include")),
            Form::Pattern,
            Value::String(include.clone()),
            &of("regular expression get series of their own; empty: all"),
        );
        include_key.details =
            &["It must match the whole name. Not together with the exclusion below."];
        keys.push(include_key);
        keys.push(Key::new(
            &path(&format!("{label}_exclude")),
            Form::Pattern,
            Value::String(exclude.clone()),
            &format!("No {label} that matches this regular expression gets series of its own"),
        ));
    }
    keys
}

/// Every key, with those of all modules of the catalogue.
pub fn all(catalogue: &Catalogue) -> Vec<Key> {
    let mut keys = base();
    keys.extend(catalogue.iter().flat_map(|known| module(&known.manifest)));
    keys
}
