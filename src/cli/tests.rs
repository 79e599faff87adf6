#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::ffi::OsString;

use super::*;
use crate::config::{Config, FlagSetting, Sources};
use crate::module::samples::catalogue;

fn invoke(line: &str) -> Result<Invocation, UsageError> {
    parse(
        std::iter::once("geophone")
            .chain(line.split_whitespace())
            .map(OsString::from),
    )
}

fn usage_error(line: &str) -> String {
    invoke(line).expect_err(line).to_string()
}

fn printed(line: &str) -> String {
    match invoke(line).unwrap().command {
        Command::Print(text) => text,
        other => panic!("{line} is {other:?}"),
    }
}

#[test]
fn help_is_as_reviewed() {
    assert_eq!(printed("--help"), include_str!("testdata/help.txt"));
    assert_eq!(printed("-h"), printed("--help"));
    for line in printed("--help").lines() {
        assert!(line.len() <= 110, "too wide: {line}");
    }
}

#[test]
fn every_command_has_its_own_help() {
    for name in ["run", "check", "doctor", "modules", "collect"] {
        let text = printed(&format!("{name} --help"));
        assert!(text.contains(&format!("Usage: geophone {name}")), "{text}");
        assert!(printed("--help").contains(&format!("\n  {name}")));
    }
    assert!(printed("collect --help").contains("--for=DURATION"));
}

#[test]
fn version_says_what_was_built() {
    let text = printed("--version");
    assert!(text.ends_with('\n') && !text.ends_with("\n\n"), "{text:?}");
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("geophone 0.1.0"));
    assert!(text.contains("\ncompiler: rustc 1."), "{text}");
    assert!(
        text.contains(&format!("\nplatform: linux/{}", std::env::consts::ARCH)),
        "{text}"
    );
}

#[test]
fn run_is_the_default() {
    let nothing = Invocation {
        command: Command::Run,
        overrides: Overrides::default(),
    };
    assert_eq!(invoke("").unwrap(), nothing);
    assert_eq!(invoke("run").unwrap(), nothing);
}

#[test]
fn commands_take_their_flags() {
    let command = |line: &str| invoke(line).unwrap().command;
    assert_eq!(command("check"), Command::Check);
    assert_eq!(
        command("doctor --format=json"),
        Command::Doctor {
            format: DoctorFormat::Json
        }
    );
    let format = ModulesFormat::Markdown;
    assert_eq!(
        command("modules --format markdown"),
        Command::Modules { name: None, format }
    );
    let format = ModulesFormat::Text;
    assert_eq!(
        command("modules tcp"),
        Command::Modules {
            name: Some("tcp".into()),
            format
        }
    );
    let collect = |seconds, format, run_statistics| Command::Collect {
        duration: std::time::Duration::from_secs(seconds),
        format,
        run_statistics,
    };
    assert_eq!(command("collect"), collect(5, CollectFormat::Text, false));
    assert_eq!(
        command("collect --for 2m --format=openmetrics --run-statistics"),
        collect(120, CollectFormat::OpenMetrics, true)
    );
}

#[test]
fn flags_become_settings_wherever_they_stand() {
    let line = "--log.level=debug --web.listen-address=:1 check --web.listen-address :2 --btf x --config.file /f";
    let found = invoke(line).unwrap();
    assert_eq!(found.command, Command::Check);
    assert_eq!(
        found.overrides.file.as_deref(),
        Some(std::path::Path::new("/f"))
    );
    let settings = found.overrides.settings;
    let get = |path: &str| {
        settings
            .iter()
            .find(|setting| setting.path == path)
            .unwrap()
    };
    assert_eq!(get("log.level").values, ["debug"]);
    assert_eq!(get("log.level").flag, "--log.level");
    assert_eq!(get("btf").values, ["x"]);
    assert_eq!(get("web.listen_addresses").values, [":1", ":2"]);
}

#[test]
fn a_switch_is_true_without_a_value() {
    for (line, value) in [
        ("--web.systemd-socket", "true"),
        ("run --web.systemd-socket", "true"),
        ("--web.systemd-socket=false run", "false"),
    ] {
        let settings = invoke(line).unwrap().overrides.settings;
        assert_eq!(settings[0].path, "web.systemd_socket");
        assert_eq!(settings[0].values, [value], "{line}");
    }
}

#[test]
fn repeated_flags_add_up() {
    let found = invoke("--module-dir=/a --module-dir /b").unwrap();
    assert_eq!(found.overrides.settings[0].values, ["/a", "/b"]);
    assert!(
        usage_error("--log.level=info --log.level=warn").contains("cannot be used multiple times")
    );
}

#[test]
fn module_flags_take_any_name() {
    let setting = |flag: &str, path: &str, value: &str| FlagSetting {
        flag: flag.into(),
        path: path.into(),
        values: vec![value.into()],
    };
    let found = invoke("--module.disable-defaults --module.mine check --no-module.tcp").unwrap();
    assert_eq!(
        found.overrides.settings,
        [
            setting("--module.disable-defaults", "modules.default", "false"),
            setting("--module.mine", "modules.mine.enabled", "true"),
            setting("--no-module.tcp", "modules.tcp.enabled", "false"),
        ]
    );
}

#[test]
fn usage_errors_name_cause_and_remedy() {
    let cases = [
        (
            "--web.listen=x",
            "tip: a similar argument exists: '--web.listen-address'",
        ),
        ("chek", "tip: a similar subcommand exists: 'check'"),
        (
            "--module.tcp=1",
            "error: --module.tcp takes no value; --no-module.tcp switches the module off",
        ),
        (
            "--no-module.tcp=1",
            "error: --no-module.tcp takes no value; --module.tcp switches the module on",
        ),
        (
            "--module.tcp --no-module.tcp",
            "error: --module.tcp and --no-module.tcp contradict each other; keep one",
        ),
        (
            "--module.tcp.schema",
            "its options are set in the configuration file or by environment variables",
        ),
        ("collect --for 5", "time unit needed"),
        ("collect --for 0s", "it must be more than 0s and at most 1h"),
        (
            "modules --format yaml",
            "[possible values: text, json, markdown]",
        ),
        (
            "--log.level",
            "a value is required for '--log.level <LEVEL>'",
        ),
        (
            "--log.level=info check --log.level=warn",
            "--log.level cannot be used multiple times",
        ),
        (
            "--config.file=a check --config.file=b",
            "--config.file cannot be used multiple times",
        ),
        ("doctor --for 5s", "unexpected argument '--for'"),
    ];
    for (line, expected) in cases {
        let text = usage_error(line);
        assert!(text.contains(expected), "{line}: {text}");
        assert!(
            text.ends_with('\n') && text.contains("--help"),
            "{line}: {text}"
        );
    }
}

#[test]
fn errors_and_help_show_the_same_usage() {
    for (line, usage) in [
        ("--bogus", "geophone [COMMAND] [FLAGS]"),
        ("--web.listen-address", "geophone [COMMAND] [FLAGS]"),
        ("--web.max-requests=1 --bogus", "geophone [COMMAND] [FLAGS]"),
        ("chek", "geophone [COMMAND] [FLAGS]"),
        ("check --bogus", "geophone check [FLAGS]"),
        ("modules tcp --bogus", "geophone modules [NAME] [FLAGS]"),
    ] {
        for text in usage_error(line).lines() {
            if let Some(shown) = text.strip_prefix("Usage: ") {
                assert_eq!(shown, usage, "{line}");
            }
        }
        let command = line.split(' ').find(|word| !word.starts_with('-'));
        let command = command.filter(|word| *word != "chek").unwrap_or_default();
        let help = printed(&format!("{command} --help"));
        assert!(help.contains(&format!("\nUsage: {usage}\n")), "{help}");
    }
}

#[test]
fn every_flag_reaches_the_configuration() {
    let line = "--btf=/b --module-dir=/nonexistent --web.listen-address=:1 --web.telemetry-path=/m \
        --web.max-requests=2 --log.level=warn --log.format=json --sweep.interval=9s \
        --sweep.min-interval=2s --otlp.endpoint=h:1 --otlp.protocol=grpc --module.disk \
        --no-module.beep";
    let overrides = invoke(line).unwrap().overrides;
    let mut sources = Sources {
        overrides,
        ..Sources::default()
    };
    let errors = Config::load(&sources, catalogue()).expect_err("a directory is missing");
    assert_eq!(errors.len(), 1, "{errors:?}");
    sources
        .overrides
        .settings
        .retain(|setting| setting.path != "module_dirs");
    let loaded = Config::load(&sources, catalogue()).unwrap();
    assert_eq!(
        render::summary(&loaded.config),
        "configuration is valid (defaults, no file); modules: beep off, disk on; metrics at /m on :1; pushed every 1m to default at https://h:1 (grpc)\n"
    );
    assert_eq!(loaded.config.web.max_requests, 2);
    assert_eq!(loaded.config.sweep.min_interval.as_secs(), 2);
}

#[test]
fn mistakes_are_lines_with_a_count() {
    let overrides = invoke("--log.level=loud --module.dsk").unwrap().overrides;
    let errors = Config::load(
        &Sources {
            overrides,
            ..Sources::default()
        },
        catalogue(),
    )
    .unwrap_err();
    assert_eq!(
        render::mistakes(&errors),
        "flag --log.level: log.level must be one of debug, info, warn, error, found the string \"loud\"\n\
         flag --module.dsk: unknown module \"dsk\" (did you mean \"disk\"?); known modules: disk, beep\n\
         2 mistakes in the configuration\n"
    );
}

#[test]
fn modules_are_described_in_every_format() {
    let known = catalogue();
    let all = || known.iter().map(|module| &**module);
    let text = render::modules_text(all());
    for line in [
        "disk: Latency of disk requests, by device",
        "  needs:  CAP_BPF, CAP_PERFMON; CAP_DAC_READ_SEARCH where tracefs is closed to it",
        "    split = true\n        Tell time in queue from time in the device",
        "    device_exclude = '^(ram|loop)\\d+$'",
        "    geophone_disk_queue_seconds (histogram, seconds, experimental)",
        "        operation: read, write, other",
        "        cpu: only with per_cpu = true",
        "        Only with split = true.",
    ] {
        assert!(
            text.contains(&format!("{line}\n")),
            "{line} is not in\n{text}"
        );
    }
    let json: serde_json::Value = serde_json::from_str(&render::modules_json(all())).unwrap();
    let disk = &json["modules"][0];
    assert_eq!(disk["metrics"][2]["labels"][2], "error");
    assert_eq!(disk["options"][3]["default"], true);
    assert_eq!(
        disk["programs"][0]["alternatives"][1]["attach"],
        "tracepoint"
    );

    let own = known.get("beep").unwrap().manifest.clone();
    let own = own.descriptor(&own.metrics[0], false);
    let markdown = render::modules_markdown(all(), &[(*own).clone()]);
    for line in [
        "## disk",
        "Kernel memory: (devices + 1) x 5 operations x 2.6 kB x possible CPUs.",
        "| `device_exclude` | `'^(ram\\|loop)\\d+$'` | No device that matches this regular expression gets series of its own |",
        "- OTLP: `geophone.disk.errors`, unit `{request}`",
        "- at most 390 label sets, times the CPUs if split by them",
        "- only with `split = true`",
        "## Geophone itself",
    ] {
        assert!(
            markdown.contains(&format!("{line}\n")),
            "{line} is not in\n{markdown}"
        );
    }
}
