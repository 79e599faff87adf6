#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod mistakes;
mod otlp;
mod precedence;
mod reference;

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use super::*;
use crate::module::samples::{BEEP, catalogue};

/// Loads a file's text, variables and flags on top of the sample modules.
fn load(
    file: &str,
    variables: &[(&str, &str)],
    flags: &[(&str, &str, &str)],
) -> Result<Loaded, Vec<String>> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("geophone.toml");
    std::fs::write(&path, file).unwrap();
    let result = Config::load(&sources(Some(&path), variables, flags), catalogue());
    let prefix = format!("{}/", directory.path().display());
    result.map_err(|errors| {
        errors
            .iter()
            .map(|error| error.to_string().replace(&prefix, ""))
            .collect()
    })
}

fn sources(
    file: Option<&Path>,
    variables: &[(&str, &str)],
    flags: &[(&str, &str, &str)],
) -> Sources {
    let flag = |(flag, path, value): &(&str, &str, &str)| FlagSetting {
        flag: (*flag).into(),
        path: (*path).into(),
        values: value.split(' ').map(Into::into).collect(),
    };
    Sources {
        overrides: Overrides {
            file: file.map(Into::into),
            settings: flags.iter().map(flag).collect(),
        },
        environment: variables
            .iter()
            .map(|(k, v)| (OsString::from(k), OsString::from(v)))
            .collect(),
        default_file: None,
    }
}

#[track_caller]
fn errors(file: &str, expected: &[&str]) {
    let found = load(file, &[], &[]).expect_err("must be wrong");
    assert_eq!(found, expected, "of {file:?}");
}

#[test]
fn defaults_need_no_file() {
    let loaded = Config::load(&Sources::default(), catalogue()).unwrap();
    let config = loaded.config;
    assert_eq!(config.file, None);
    assert_eq!(config.btf, None);
    assert_eq!(config.web.listen_addresses, ["[::]:10435".parse().unwrap()]);
    assert_eq!(config.web.telemetry_path, "/metrics");
    assert_eq!(config.web.max_requests, 40);
    assert_eq!(
        config.log,
        Log {
            level: LogLevel::Info,
            format: LogFormat::Logfmt
        }
    );
    let seconds = Duration::from_secs;
    assert_eq!(
        config.sweep,
        Sweep {
            interval: seconds(15),
            min_interval: seconds(1)
        }
    );
    assert_eq!(
        config.statistics,
        Statistics {
            window: seconds(1),
            period: seconds(60)
        }
    );
    assert!(config.exposition.classic_buckets);
    let disk = &config.modules["disk"];
    assert_eq!(
        (disk.enabled, disk.schema, disk.max_series),
        (Enabled::Auto, 3, 2000)
    );
    assert!(disk.is_on("split") && !disk.is_on("per_cpu") && disk.wants(None));
    assert_eq!(disk.integer("max_in_flight"), Some(8192));
    assert!(disk.filters["device"].admits("sda") && !disk.filters["device"].admits("loop7"));
    assert_eq!(config.modules.len(), 2);
    for module in loaded.catalogue.iter() {
        let defaults = ModuleConfig::defaults(&module.manifest);
        assert_eq!(config.modules[&module.manifest.name], defaults);
    }
}

#[test]
fn later_layers_win() {
    let file = "[web]\nmax_requests = 1\ntelemetry_path = \"/f\"\n[log]\nlevel = \"warn\"\n";
    let variables = [
        ("GEOPHONE_WEB__MAX_REQUESTS", "2"),
        ("GEOPHONE_LOG__LEVEL", "error"),
        ("GEOPHONE_MODULES__DISK__SPLIT", "false"),
        ("GEOPHONE_WEB__LISTEN_ADDRESSES", ":1, :2"),
        ("GEOPHONE_REQUIRE_BPF", "1"),
        ("GEOPHONE_REQUIRE_PROMETHEUS", "1"),
        ("UNRELATED", "1"),
    ];
    let flags = [
        ("--log.level", "log.level", "debug"),
        ("--web.listen-address", "web.listen_addresses", ":3 :4"),
        ("--no-module.beep", "modules.beep.enabled", "false"),
    ];
    let config = load(file, &variables, &flags[..1]).unwrap().config;
    assert_eq!(config.web.telemetry_path, "/f");
    assert_eq!(config.web.max_requests, 2);
    assert_eq!(config.log.level, LogLevel::Debug);
    assert!(!config.modules["disk"].is_on("split"));
    assert_eq!(
        config.web.listen_addresses,
        [":1".parse().unwrap(), ":2".parse().unwrap()]
    );
    let config = load(file, &variables, &flags).unwrap().config;
    assert_eq!(
        config.web.listen_addresses,
        [":3".parse().unwrap(), ":4".parse().unwrap()]
    );
    assert_eq!(config.modules["beep"].enabled, Enabled::No);
}

#[test]
fn bounds_between_keys_name_both() {
    errors(
        "[sweep]\nmin_interval = \"20s\"\n",
        &[
            "geophone.toml:2:16: sweep.min_interval (20s, geophone.toml:2:16) must be at most sweep.interval (15s, default)",
        ],
    );
    let found = load(
        "",
        &[("GEOPHONE_STATISTICS__PERIOD", "1s")],
        &[("--x", "statistics.window", "2s")],
    );
    assert_eq!(
        found.unwrap_err(),
        [
            "flag --x: statistics.window (2s, flag --x) must be at most statistics.period (1s, environment variable GEOPHONE_STATISTICS__PERIOD)"
        ]
    );
}

#[test]
fn telemetry_path_leaves_room_for_the_other_pages() {
    for bad in [
        "",
        "/",
        "metrics",
        "/status",
        "/-/healthy",
        "/-/x",
        "/a b",
        "/a?b",
    ] {
        let found = load(&format!("[web]\ntelemetry_path = {bad:?}\n"), &[], &[]).unwrap_err();
        assert!(
            found[0].contains(
                "must be a path that begins with \"/\" and is neither \"/\" nor \"/status\" nor below \"/-/\""
            ),
            "{found:?}"
        );
    }
    load("[web]\ntelemetry_path = \"/probe/metrics\"\n", &[], &[]).unwrap();
}

#[test]
fn filters_take_one_side() {
    let config =
        |file: &str| load(file, &[], &[]).unwrap().config.modules["disk"].filters["device"].clone();
    // What the user includes replaces the default exclusion.
    assert!(config("[modules.disk]\ndevice_include = \"loop.*\"\n").admits("loop7"));
    assert!(!config("[modules.disk]\ndevice_include = \"loop.*\"\n").admits("sda"));
    assert_eq!(
        config("[modules.disk]\ndevice_exclude = \"\"\n"),
        Filter::All
    );
    assert!(!config("[modules.disk]\ndevice_exclude = \"sd.\"\n").admits("sda"));
    errors(
        "[modules.disk]\ndevice_include = \"a\"\ndevice_exclude = \"b\"\n",
        &[
            "geophone.toml:2:18: modules.disk.device_include and modules.disk.device_exclude (geophone.toml:3:18) exclude each other; leave one of them empty",
        ],
    );
}

#[test]
fn modules_inherit_the_default() {
    let flags = [
        ("--module.disable-defaults", "modules.default", "false"),
        ("--module.disk", "modules.disk.enabled", "true"),
    ];
    let config = load("", &[], &flags).unwrap().config;
    assert_eq!(config.modules["disk"].enabled, Enabled::Yes);
    assert_eq!(config.modules["beep"].enabled, Enabled::No);
}

#[test]
fn what_is_off_by_default_runs_only_if_it_is_named() {
    let modules = tempfile::tempdir().unwrap();
    let own = BEEP.replace("beep", "honk");
    let own = format!("on_by_default = false\n{own}");
    std::fs::write(modules.path().join("honk.toml"), own).unwrap();
    std::fs::write(modules.path().join("honk.o"), "object").unwrap();
    let honk = |more: &str, flags: &[(&str, &str, &str)]| {
        let file = format!("module_dirs = [{:?}]\n{more}\n", modules.path());
        load(&file, &[], flags).unwrap().config.modules["honk"].enabled
    };
    assert_eq!(honk("", &[]), Enabled::No);
    assert_eq!(honk("[modules]\ndefault = true", &[]), Enabled::No);
    assert_eq!(honk("[modules.honk]\nenabled = true", &[]), Enabled::Yes);
    let auto = "[modules.honk]\nenabled = \"auto\"";
    assert_eq!(honk(auto, &[]), Enabled::Auto);
    let flags = [("--module.honk", "modules.honk.enabled", "true")];
    assert_eq!(honk("", &flags), Enabled::Yes);
}

#[test]
fn module_directories_extend_the_catalogue() {
    let modules = tempfile::tempdir().unwrap();
    let own = BEEP.replace("beep", "honk");
    std::fs::write(modules.path().join("honk.toml"), &own).unwrap();
    std::fs::write(modules.path().join("honk.o"), "object").unwrap();
    let file = format!(
        "module_dirs = [{:?}]\n[modules.honk]\nmax_series = 7\n",
        modules.path()
    );
    let loaded = load(&file, &[], &[]).unwrap();
    assert_eq!(loaded.config.modules["honk"].max_series, 7);
    assert_eq!(
        loaded.catalogue.names().collect::<Vec<_>>(),
        ["disk", "beep", "honk"]
    );

    // A broken manifest is the only mistake: its section is not a second one.
    std::fs::write(
        modules.path().join("honk.toml"),
        own.replace("counter", "conter"),
    )
    .unwrap();
    let found = load(&file, &[], &[]).unwrap_err();
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].contains("honk.toml:14:8: kind must be one of"),
        "{found:?}"
    );

    errors(
        "module_dirs = [\"/nonexistent\"]\n",
        &[
            "geophone.toml:1:15: cannot read module directory /nonexistent: No such file or directory (os error 2); create it, make it readable, or remove it from module_dirs",
        ],
    );
}

#[test]
fn a_pipe_as_configuration_is_refused_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let pipe = directory.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    let found = Config::load(&sources(Some(&pipe), &[], &[]), catalogue()).unwrap_err();
    let text = found[0].to_string();
    assert!(text.contains("it is not a regular file"), "{text}");
}

#[test]
fn a_named_file_must_exist_and_the_default_need_not() {
    let missing = Path::new("/nonexistent/geophone.toml");
    let found = Config::load(&sources(Some(missing), &[], &[]), catalogue()).unwrap_err();
    assert_eq!(
        found[0].to_string(),
        "flag --config.file: cannot read /nonexistent/geophone.toml: No such file or directory (os error 2); \
         name a configuration file that can be read, or none"
    );
    let mut sources = sources(None, &[("GEOPHONE_CONFIG__FILE", "/nonexistent/a")], &[]);
    let found = Config::load(&sources, catalogue()).unwrap_err();
    assert!(
        found[0].to_string().starts_with(
            "environment variable GEOPHONE_CONFIG__FILE: cannot read /nonexistent/a: "
        )
    );
    // An empty variable names none.
    sources.environment = vec![("GEOPHONE_CONFIG__FILE".into(), OsString::new())];
    sources.default_file = Some(missing.into());
    assert_eq!(
        Config::load(&sources, catalogue()).unwrap().config.file,
        None
    );
}

#[test]
fn syntax_errors_have_their_place() {
    let found = load("[web\n", &[("GEOPHONE_LOG__LEVEL", "loud")], &[]).unwrap_err();
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[1].starts_with("geophone.toml:1:"), "{found:?}");
}

#[test]
fn quoted_keys_with_dots_are_not_sections() {
    errors(
        "\"web.max_requests\" = 3\n",
        &[
            "geophone.toml:1:1: unknown key \"web.max_requests\": sections and keys are joined without quotes",
        ],
    );
}

proptest::proptest! {
    /// A configuration is right or every mistake has its place, whatever is put into it.
    #[test]
    fn damaged_files_are_problems_not_panics(
        at in proptest::prelude::any::<proptest::sample::Index>(),
        length in 0..40_usize,
        with in "[-\\[\\]{}=\"'\\\\a-z0-9_.\\n ]{0,8}",
    ) {
        let text = reference(&catalogue());
        let mut bytes = text.into_bytes();
        let from = at.index(bytes.len());
        let to = (from + length).min(bytes.len());
        bytes.splice(from..to, with.bytes());
        let text = String::from_utf8(bytes).unwrap();
        if let Err(errors) = load(&text, &[], &[]) {
            assert!(!errors.is_empty());
            for error in errors {
                assert!(error.starts_with("geophone.toml:"), "{error}");
            }
        }
    }

    /// No variable makes loading panic.
    #[test]
    fn odd_variables_are_problems_not_panics(name in "[A-Z_]{0,12}", value in ".{0,12}") {
        let _ = load("", &[(&format!("GEOPHONE_{name}"), &value)], &[]);
    }
}
