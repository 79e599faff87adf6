use std::fmt::Write as _;

use super::command::{CONFIG_FILE, DISABLE_DEFAULTS};
use crate::config::schema::{self, Key};
use crate::config::{DEFAULT_FILE, Form};
use crate::document::Value;

/// Column at which descriptions start.
const COLUMN: usize = 33;

/// A subcommand: how it is written, what it does, and its own flags.
struct Sub {
    name: &'static str,
    usage: &'static str,
    about: &'static str,
    flags: &'static [(&'static str, &'static str)],
}

const SUBS: [Sub; 5] = [
    Sub {
        name: "run",
        usage: "run",
        about: "Attach the modules and serve their metrics (the default)",
        flags: &[],
    },
    Sub {
        name: "check",
        usage: "check",
        about: "Check configuration and modules, and report every mistake",
        flags: &[],
    },
    Sub {
        name: "doctor",
        usage: "doctor",
        about: "Say what this machine lets each module do, why not, and the remedy",
        flags: &[("--format=FORMAT", "text or json [default: text]")],
    },
    Sub {
        name: "modules",
        usage: "modules [NAME]",
        about: "Describe modules: what they measure, their options and metrics",
        flags: &[("--format=FORMAT", "text, json or markdown [default: text]")],
    },
    Sub {
        name: "collect",
        usage: "collect",
        about: "Attach, wait, print the metrics once, and leave",
        flags: &[
            ("--for=DURATION", "How long to wait, up to 1h [default: 5s]"),
            (
                "--format=FORMAT",
                "text, openmetrics or json [default: text]",
            ),
            (
                "--run-statistics",
                "Measure what the programs cost all the while; needs CAP_SYS_ADMIN",
            ),
        ],
    },
];

/// How the program is called, or one of its commands.
pub(super) fn usage(command: Option<&str>) -> String {
    let sub = SUBS.iter().find(|sub| Some(sub.name) == command);
    format!(
        "geophone {} [FLAGS]",
        sub.map_or("[COMMAND]", |sub| sub.usage)
    )
}

/// The text of `geophone --help`.
pub(super) fn top() -> String {
    let mut out = format!(
        "Geophone, an eBPF metrics exporter for Prometheus and OTLP.\n\nUsage: {}\n\nCommands:\n",
        usage(None)
    );
    for sub in &SUBS {
        entry(&mut out, sub.usage, sub.about);
    }
    out.push_str(
        "\nEvery flag overrides its environment variable, which overrides the configuration file.\n",
    );
    out.push_str("\nConfiguration:\n");
    let file = format!("default: {DEFAULT_FILE} if it exists");
    entry(
        &mut out,
        &format!("--{CONFIG_FILE}=FILE"),
        "Configuration file",
    );
    continued(&mut out, &[&file, "GEOPHONE_CONFIG__FILE"]);
    let keys = schema::base();
    keyed(&mut out, &keys, |key| key.path == "btf");
    for (title, section) in [
        ("Web", "web"),
        ("Log", "log"),
        ("Sweep", "sweep"),
        ("Push over OTLP", "otlp.endpoints.default"),
    ] {
        let _ = writeln!(out, "\n{title}:");
        let is_there = |key: &Key| key.section() == section && key.flag.is_some();
        keyed(&mut out, &keys, is_there);
    }
    out.push_str("\nModules:\n");
    entry(
        &mut out,
        "--[no-]module.NAME",
        "Run the module NAME, or do not",
    );
    continued(&mut out, &["GEOPHONE_MODULES__NAME__ENABLED"]);
    entry(
        &mut out,
        &format!("--{DISABLE_DEFAULTS}"),
        "Run no module that is not enabled by name",
    );
    continued(&mut out, &["GEOPHONE_MODULES__DEFAULT=false"]);
    keyed(&mut out, &keys, |key| key.path == "module_dirs");
    out.push_str("\nOther:\n");
    entry(
        &mut out,
        "-h, --help",
        "Print this, or a command's own help",
    );
    entry(
        &mut out,
        "-V, --version",
        "Print version, compiler and platform",
    );
    out.push_str(
        "\nExit status: 0 if all went well, 1 if something failed while running, 2 for mistakes in\nthe configuration or on the command line.\n",
    );
    out
}

/// The text of `geophone NAME --help`.
pub(super) fn sub(name: &str) -> String {
    let Some(sub) = SUBS.iter().find(|sub| sub.name == name) else {
        return top();
    };
    let mut out = format!("{}.\n\nUsage: {}\n", sub.about, usage(Some(name)));
    if !sub.flags.is_empty() {
        out.push_str("\nFlags:\n");
        for (flag, about) in sub.flags {
            entry(&mut out, flag, about);
        }
    }
    out.push_str("\n`geophone --help` lists the flags of every command.\n");
    out
}

/// The flags of those keys that are wanted.
fn keyed(out: &mut String, keys: &[Key], wanted: impl Fn(&Key) -> bool) {
    for key in keys.iter().filter(|key| wanted(key)) {
        let Some(flag) = key.flag else { continue };
        let summary = match &key.form {
            Form::Choice(choices) => format!("{}: {}", key.summary, choices.join(", ")),
            form if form.is_list() => format!("{}; repeatable", key.summary),
            _ => key.summary.clone(),
        };
        let written = if flag.is_switch() {
            format!("--{}", flag.name)
        } else {
            format!("--{}={}", flag.name, flag.value)
        };
        entry(out, &written, &summary);
        let default = key
            .default
            .as_ref()
            .map(shown)
            .filter(|text| !text.is_empty());
        let default = default.map(|text| format!("default: {text}"));
        let variable = key.variable();
        match &default {
            Some(default) => continued(out, &[default, &variable]),
            None => continued(out, &[&variable]),
        }
    }
}

fn entry(out: &mut String, name: &str, about: &str) {
    let width = COLUMN - 2;
    if name.len() + 1 > width {
        let _ = writeln!(out, "  {name}\n{:COLUMN$}{about}", "");
    } else {
        let _ = writeln!(out, "  {name:width$}{about}");
    }
}

fn continued(out: &mut String, notes: &[&str]) {
    let notes: Vec<String> = notes.iter().map(|note| format!("[{note}]")).collect();
    let _ = writeln!(out, "{:COLUMN$}{}", "", notes.join(" "));
}

/// A default as one would write it behind the flag.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Integer(value) => value.to_string(),
        Value::Boolean(value) => value.to_string(),
        Value::Array(items) => items
            .iter()
            .map(|item| shown(&item.value))
            .collect::<Vec<_>>()
            .join(", "),
        Value::Table(_) | Value::Other(_) => String::new(),
    }
}
