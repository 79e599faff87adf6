#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use crate::document::Origin;
use crate::module::samples::{BEEP, DISK};
use crate::snapshot::{Kind, Unit};

/// Errors of the sample manifest after a replacement that must match.
fn errors(from: &str, to: &str) -> Vec<String> {
    assert!(DISK.contains(from), "no {from:?} in the sample");
    let text = DISK.replacen(from, to, 1);
    let found = Manifest::parse_builtin("disk.toml", &text).expect_err("must not parse");
    found.iter().map(ToString::to_string).collect()
}

#[track_caller]
fn one_error(from: &str, to: &str, expected: &str) {
    assert_eq!(errors(from, to), [expected], "after {from:?} -> {to:?}");
}

#[test]
fn sample_parses_into_the_model() {
    let manifest = Manifest::parse_builtin("disk.toml", DISK).unwrap();
    assert_eq!(manifest.name, "disk");
    assert_eq!(manifest.max_series, DEFAULT_MAX_SERIES);
    assert_eq!(
        manifest.options[2].kind,
        OptionKind::Integer {
            default: 8192,
            min: 64,
            max: 65536
        }
    );
    assert_eq!(
        manifest.programs[0].alternatives[1].attach,
        Attach::Tracepoint
    );
    assert_eq!(manifest.maps[0].entries(), 65 * 3);
    let internal = MapKind::Internal {
        max_entries: 8192,
        size_option: Some("max_in_flight".into()),
    };
    assert_eq!(manifest.maps[1].kind, internal);
    let [duration, queue, errors] = &manifest.metrics[..] else {
        panic!("three metrics")
    };
    assert_eq!((duration.tick_exponent, duration.classic), (-30, (-20, 4)));
    assert_eq!(queue.classic, (-10, 2));
    assert_eq!(manifest.worst_case_series(errors), 65 * 3 * 2);
    let descriptor = manifest.descriptor(errors, true);
    assert_eq!(descriptor.labels, ["device", "operation", "error", "cpu"]);
    assert_eq!(
        (descriptor.kind, descriptor.unit),
        (Kind::Counter, Unit::None)
    );
    assert_eq!(descriptor.module.as_deref(), Some("disk"));
    assert_eq!(
        manifest.descriptor(duration, false).labels,
        ["device", "operation"]
    );
    assert_eq!(manifest.discovered().len(), 1);
}

#[test]
fn unknown_keys_are_named_with_the_nearest() {
    one_error(
        "field = \"duration\"",
        "filed = \"duration\"\nfield = \"duration\"",
        "disk.toml:55:1: unknown key \"filed\" in [[metrics]] (did you mean \"field\"?)",
    );
    one_error(
        "summary",
        "sumary = \"\"\nsummary",
        "disk.toml:2:1: unknown key \"sumary\" in the manifest (did you mean \"summary\"?)",
    );
}

#[test]
fn every_error_is_reported() {
    let text = DISK
        .replace("kind = \"counter\"", "kind = \"conter\"")
        .replace("default = false", "default = 0")
        .replace("label = \"device\"", "label = \"le\"")
        .replace("target = \"block_rq_issue\"", "traget = \"block_rq_issue\"");
    let found = Manifest::parse_builtin("disk.toml", &text).expect_err("must not parse");
    let found: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(
        found,
        [
            "disk.toml:14:11: default in [options.per_cpu] must be true or false, found the integer 0",
            "disk.toml:34:17: missing key \"target\" in alternatives",
            "disk.toml:34:62: unknown key \"traget\" in alternatives (did you mean \"target\"?)",
            "disk.toml:39:31: a label cannot be named \"le\": that is what Prometheus itself puts on histograms and summaries",
            "disk.toml:75:8: kind must be one of counter, gauge, histogram, found \"conter\" (did you mean \"counter\"?)",
        ]
    );
}

#[test]
fn references_must_resolve() {
    one_error(
        "map = \"DISK\"",
        "map = \"DISC\"",
        "disk.toml:54:7: no map is named \"DISC\" (did you mean \"DISK\"?)",
    );
    one_error(
        "[\"complete\", \"issue\"]",
        "[\"complete\", \"isue\"]",
        "disk.toml:67:25: no program is named \"isue\" (did you mean \"issue\"?)",
    );
    one_error(
        "classic = [-10, 2]",
        "per_cpu = \"max_in_flight\"",
        "disk.toml:69:11: per_cpu = \"max_in_flight\" is not a bool option",
    );
    one_error(
        "map = \"DISK\"",
        "map = \"ISSUED\"\nwhen = \"split\"",
        "disk.toml:54:7: map \"ISSUED\" is internal: it exports nothing",
    );
    let found = errors("size_option = \"max_in_flight\"", "size_option = \"split\"");
    let rule = "must be an integer option with min >= 1 and max <= 1048576";
    assert!(
        found.contains(&format!("disk.toml:46:15: size_option = \"split\" {rule}")),
        "{found:?}"
    );
}

#[test]
fn drivers_are_named_as_the_kernel_does() {
    let requires = "requires = [\"CAP_BPF\", \"CAP_PERFMON\"]\n";
    let with = |drivers: &str| format!("{requires}drivers = {drivers}\n");
    let text = DISK.replacen(requires, &with("[\"sd_mod\", \"8250\"]"), 1);
    let manifest = Manifest::parse_builtin("disk.toml", &text).unwrap();
    assert_eq!(manifest.drivers, ["sd_mod", "8250"]);
    let manifest = Manifest::parse_builtin("disk.toml", DISK).unwrap();
    assert!(manifest.drivers.is_empty());

    let rule = "must be a name as in /sys/module: letters, digits and underscores";
    let cases = [
        ("[\"sd-mod\"]", format!("5:12: driver \"sd-mod\" {rule}")),
        (
            "[\"../block\"]",
            format!("5:12: driver \"../block\" {rule}"),
        ),
        ("[\"\"]", "5:12: driver must not be empty".to_owned()),
        (
            "[\"nvme\", \"nvme\"]",
            "5:20: driver \"nvme\" is listed twice".to_owned(),
        ),
        (
            "\"nvme\"",
            "5:11: drivers in the manifest must be an array, found the string \"nvme\"".to_owned(),
        ),
        (
            "[1]",
            "5:12: drivers must hold only strings, found the integer 1".to_owned(),
        ),
    ];
    for (drivers, expected) in cases {
        one_error(requires, &with(drivers), &format!("disk.toml:{expected}"));
    }
    let many: Vec<String> = (0..17).map(|index| format!("\"d{index}\"")).collect();
    one_error(
        requires,
        &with(&format!("[{}]", many.join(", "))),
        "disk.toml:5:11: drivers must be at most 16 kernel modules",
    );
    let found = errors(
        requires,
        &(with("[\"nvme\"]") + "libraries = [{ name = \"nothing\" }]\n"),
    );
    let rule = "disk.toml:5:11: drivers cannot be combined with [[libraries]]: ";
    assert!(found.iter().any(|it| it.starts_with(rule)), "{found:?}");
}

#[test]
fn a_module_can_be_off_by_default() {
    let parse = |line: &str| Manifest::parse("beep.toml", &format!("{line}\n{BEEP}"));
    assert!(parse("").unwrap().on_by_default);
    assert!(parse("on_by_default = true").unwrap().on_by_default);
    assert!(!parse("on_by_default = false").unwrap().on_by_default);
    assert_eq!(
        parse("on_by_default = \"auto\"").unwrap_err()[0].to_string(),
        "beep.toml:1:17: on_by_default in the manifest must be true or false, found the string \"auto\""
    );
}

#[test]
fn processes_get_a_label_that_no_other_has() {
    let cuda = include_str!("../../ebpf/modules/cuda.toml");
    let manifest = Manifest::parse_builtin("cuda.toml", cuda).unwrap();
    let labels = |manifest: &Manifest| -> Vec<Vec<String>> {
        let metrics = manifest.metrics.iter();
        metrics.map(|it| manifest.labels(it, false)).collect()
    };
    let before = labels(&manifest);
    for (with, without) in labels(&manifest.per_process()).iter().zip(before) {
        let expected: Vec<String> = without
            .iter()
            .flat_map(|label| match label.as_str() {
                "workload" => vec![label.clone(), "pid".to_owned()],
                _ => vec![label.clone()],
            })
            .collect();
        assert_eq!(*with, expected);
    }
    let clash = cuda.replace("name = \"direction\"", "name = \"pid\"");
    let found = Manifest::parse_builtin("cuda.toml", &clash).unwrap_err();
    assert_eq!(
        found[0].to_string(),
        "cuda.toml:1:1: label \"pid\" must be renamed: per_process gives processes a label of that name"
    );
}

#[test]
fn what_processes_hold_has_a_process_id_for_its_key_and_gauges() {
    let parse = |changes: &[(&str, &str)]| {
        let text = changes.iter().fold(DISK.to_owned(), |text, (from, to)| {
            assert!(text.contains(from), "no {from:?} in the sample");
            text.replacen(from, to, 1)
        });
        Manifest::parse_builtin("disk.toml", &text)
    };
    let told = |changes: &[(&str, &str)]| match parse(changes) {
        Ok(_) => Vec::new(),
        Err(found) => found.iter().map(ToString::to_string).collect(),
    };
    let key = |discover| {
        format!("held = true\nkeys = [{{ field = \"process\", label = \"user\", {discover} }}]")
    };
    let workload = key("discover = \"workload\", max = 9");
    let manifest = parse(&[("internal = true", &workload)]).unwrap();
    assert_eq!(manifest.maps[1].entries(), 8192);
    assert_eq!(manifest.maps[1].keys().len(), 1);

    let other = key("values = [\"a\"]");
    let rule =
        "what processes hold has one key: a process or thread id, with discover = \"workload\"";
    let found: Vec<String> = told(&[("internal = true", &other)]);
    assert_eq!(found, [format!("disk.toml:43:1: {rule}")]);

    let rule = "map \"ISSUED\" is what processes hold: its metrics are gauges without per_cpu";
    let found = told(&[
        ("internal = true", &workload),
        (
            "map = \"DISK\"\nfield = \"queue\"",
            "map = \"ISSUED\"\nfield = \"queue\"",
        ),
    ]);
    assert_eq!(found, [format!("disk.toml:61:1: {rule}")]);
}

#[test]
fn a_tally_has_its_labels_and_no_keys() {
    let parse = |tally: &str, metric: &str| {
        let text = BEEP.replacen(
            "name = \"BEEP\"\n",
            &format!("name = \"BEEP\"\n{tally}\n"),
            1,
        );
        let text = text.replacen("\nfield = ", &format!("\n{metric}\nfield = "), 1);
        let option = "[options.split]\ntype = \"bool\"\ndefault = true\nhelp = \"Split.\"\n";
        Manifest::parse_builtin("beep.toml", &format!("{text}\n{option}"))
    };
    let told = |tally: &str, metric: &str| -> Vec<String> {
        let found = parse(tally, metric).unwrap_err();
        // Without their places.
        let texts = found.iter().map(ToString::to_string);
        let texts = texts.filter_map(|text| Some(text.split_once(": ")?.1.to_owned()));
        texts.collect()
    };
    let tally = "tally = [\"horn\", \"code\"]\nmax_entries = 8";
    let manifest = parse(tally, "when = \"split\"").unwrap();
    let metric = &manifest.metrics[0];
    assert_eq!(manifest.labels(metric, false), ["horn", "code"]);
    assert_eq!(manifest.worst_case_series(metric), 8);

    let rule = "map \"BEEP\" is a tally: its metrics are without per_cpu";
    assert_eq!(told(tally, "per_cpu = \"split\""), [rule]);
    let two = "two labels are named \"code\"";
    let labels = "when = \"split\"\nlabels = [{ name = \"code\", values = [\"a\"] }]";
    assert_eq!(told(tally, labels), [two]);
    let keys = "keys = [{ field = \"id\", label = \"horn\", values = [\"a\"] }]";
    let found = told(&format!("{tally}\n{keys}"), "when = \"split\"");
    let rule = "a tally has no keys: its keys are the names of its labels";
    assert_eq!(found, [rule]);
}

#[test]
fn names_follow_prometheus() {
    let name = "name = \"geophone_disk_errors_total\"";
    let cases = [
        (
            "disk_errors_total",
            "must begin with \"geophone_\", as those of all built-in modules",
        ),
        (
            "geophone_disk_errors",
            "must end with \"_total\", because it is a counter",
        ),
        (
            "geophone_disk_counter_total",
            "must not contain its type, \"counter\"",
        ),
        (
            "geophone_disk_errors_ms_total",
            "must use base units written out (seconds, bytes), not \"ms\"",
        ),
        (
            "geophone_disk_bytes_total",
            "ends with a unit, so unit must be \"bytes\"",
        ),
        (
            "geophone_module_errors_total",
            "must not begin with \"geophone_module_\": such names are taken",
        ),
        (
            "geophone_Disk_total",
            "must be lower-case words joined by single underscores, beginning with a letter",
        ),
    ];
    for (bad, rule) in cases {
        let found = errors(name, &format!("name = \"{bad}\""));
        let expected = format!("disk.toml:74:8: metric name \"{bad}\" {rule}");
        assert!(found.contains(&expected), "{bad}: {found:?}");
    }
    let found = errors("geophone_disk_queue_seconds", "geophone_disk_queue");
    assert!(
        found[0].contains("must end with its unit, \"_seconds\""),
        "{found:?}"
    );
}

#[test]
fn help_is_one_sentence() {
    let rule = "help must be one line of text that ends with a period";
    for bad in [
        "\"\"",
        "\"Requests that failed\"",
        "\"Two\\nlines.\"",
        "\".\"",
    ] {
        one_error(
            "\"Requests that failed.\"",
            bad,
            &format!("disk.toml:77:8: {rule}"),
        );
    }
}

#[test]
fn otlp_names_translate_back() {
    one_error(
        "name = \"geophone.disk.errors\"",
        "name = \"geophone.disk.failures\"",
        "disk.toml:82:8: otlp.name \"geophone.disk.failures\" means \"geophone_disk_failures_total\" to Prometheus, not \"geophone_disk_errors_total\"",
    );
    one_error(
        "name = \"geophone.disk.duration\", unit = \"s\"",
        "name = \"geophone.disk.duration\", unit = \"ns\"",
        "disk.toml:58:8: otlp.unit must be \"s\", found \"ns\"",
    );
}

#[test]
fn buckets_stay_inside_the_histogram() {
    one_error(
        "classic = [-10, 2]",
        "classic = [-31, 2]",
        "disk.toml:69:11: classic must lie between the finest and the coarsest edge, -30 and 10",
    );
    one_error(
        "classic = [-10, 2]",
        "classic = [2, -10]",
        "disk.toml:69:11: classic must be two powers of two, the smaller first, such as [-20, 4]",
    );
    one_error(
        "per_cpu = \"per_cpu\"",
        "per_cpu = \"per_cpu\"\nclassic = [0, 1]",
        "disk.toml:73:1: classic is only for histograms",
    );
}

#[test]
fn duplicates_are_found() {
    let text = "geophone_disk_queue_seconds";
    let found = errors(text, "geophone_disk_duration_seconds");
    assert_eq!(
        found[0],
        "disk.toml:61:8: metric \"geophone_disk_duration_seconds\" is declared twice"
    );
    let found = errors(
        "geophone_disk_errors_total",
        "geophone_disk_queue_seconds_total",
    );
    assert_eq!(
        found[0],
        "disk.toml:74:8: \"geophone_disk_queue_seconds\" and \"geophone_disk_queue_seconds_total\" are one metric in OpenMetrics, which leaves out \"_total\"; rename one"
    );
    let found = errors("name = \"issue\"", "name = \"complete\"");
    assert_eq!(
        found[0],
        "disk.toml:32:8: program \"complete\" is declared twice"
    );
}

#[test]
fn options_must_matter_and_not_clash() {
    one_error(
        "per_cpu = \"per_cpu\"\n",
        "",
        "disk.toml:12:10: option \"per_cpu\" changes nothing: give it a global, or use it in when, per_cpu or size_option",
    );
    let clash = "must be renamed: every module with such labels already has a configuration key of that name";
    let found = errors(
        "[options.split]",
        "[options.schema]\ntype = \"bool\"\ndefault = true\nglobal = \"S\"\nhelp = \"x\"\n[options.split]",
    );
    assert_eq!(
        found,
        [format!("disk.toml:6:10: option \"schema\" {clash}")]
    );
    one_error(
        "default = 8192",
        "default = 32",
        "disk.toml:19:11: default must be from min (64) to max (65536)",
    );
    one_error(
        "global = \"SPLIT\"",
        "global = \"SCHEMA\"",
        "disk.toml:9:10: global \"SCHEMA\" is already taken",
    );
}

#[test]
fn maps_that_are_switched_off_take_their_metrics_along() {
    let found = errors("name = \"DISK\"\n", "name = \"DISK\"\nwhen = \"split\"\n");
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(
        found[0].ends_with(
            "map DISK is only used while option \"split\" is true: add when = \"split\""
        ),
        "{found:?}"
    );
}

#[test]
fn user_manifests_may_use_their_own_prefix() {
    let text = BEEP
        .replace("geophone_beep", "acme_beep")
        .replace("geophone.beep", "acme.beep");
    Manifest::parse("beep.toml", &text).unwrap();
    assert!(Manifest::parse_builtin("beep.toml", &text).is_err());
}

#[test]
fn builtin_modules_are_valid() {
    let catalogue = Catalogue::builtin()
        .map_err(|errors| format!("{errors:#?}"))
        .unwrap();
    assert_eq!(catalogue.names().count(), builtin::MODULES.len());
    for module in catalogue.iter() {
        assert!(module.object.starts_with(b"\x7fELF"), "{module:?}");
        assert!(module.object.as_ptr().align_offset(8) == 0, "{module:?}");
    }
}

#[test]
fn directories_add_pairs_and_report_what_is_wrong() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(directory.path().join(name), text).unwrap();
    write("beep.toml", BEEP);
    write("beep.o", "object");
    write("lonely.toml", &BEEP.replace("beep", "lonely"));
    write("other.toml", &BEEP.replace("geophone", "acme"));
    write("other.o", "object");
    write("README.md", "not a module");
    let mut catalogue = samples::catalogue();
    let found = catalogue.add_directory(directory.path(), &Origin::Default);
    let found: Vec<String> = found
        .iter()
        .map(|problem| {
            problem
                .to_string()
                .replace(directory.path().to_str().unwrap(), "DIR")
        })
        .collect();
    let expected = [
        "DIR/lonely.toml: cannot read its object DIR/lonely.o: No such file or directory (os error 2); a module is a pair NAME.toml and NAME.o in one directory",
        "DIR/beep.toml:1:8: module \"beep\" is already there (built in); give this one another name",
        "DIR/other.toml:1:8: the file is called differently from its module; rename it to beep.toml and the object to beep.o",
        "DIR/other.toml:1:8: module \"beep\" is already there (built in); give this one another name",
    ];
    assert_eq!(found, expected);

    let mut empty = Catalogue::default();
    std::fs::remove_file(directory.path().join("lonely.toml")).unwrap();
    std::fs::remove_file(directory.path().join("other.toml")).unwrap();
    assert_eq!(empty.add_directory(directory.path(), &Origin::Default), []);
    assert_eq!(empty.get("beep").unwrap().object.as_ref(), b"object");

    let missing = empty.add_directory(&directory.path().join("missing"), &Origin::Default);
    assert!(
        missing[0]
            .message
            .ends_with("create it, make it readable, or remove it from module_dirs")
    );
}

#[test]
fn metrics_of_two_modules_cannot_be_one_to_openmetrics() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        std::fs::write(directory.path().join(name).with_extension("toml"), text).unwrap();
        std::fs::write(directory.path().join(name).with_extension("o"), "").unwrap();
    };
    let own = |name: &str| BEEP.replacen("\"beep\"", &format!("{name:?}"), 1);
    write(
        "a",
        &own("a")
            .replace("beep_beeps", "a_beeps")
            .replace("beep.beeps", "a.beeps"),
    );
    write("b", &own("b"));
    let gauge = own("c")
        .replace("geophone_beep_beeps_total", "geophone_a_beeps")
        .replace("beep.beeps", "a.beeps")
        .replace("counter", "gauge");
    write("c", &gauge);
    let mut catalogue = samples::catalogue();
    let found = catalogue.add_directory(directory.path(), &Origin::Default);
    let directory = directory.path().display().to_string();
    let found: Vec<String> = found
        .iter()
        .map(|problem| problem.to_string().replace(&directory, "DIR"))
        .collect();
    assert_eq!(
        found,
        [
            "DIR/b.toml:13:8: metric \"geophone_beep_beeps_total\" is already one of module \"beep\" (built in); give this one another name",
            "DIR/c.toml:13:8: \"geophone_a_beeps\" and \"geophone_a_beeps_total\" of module \"a\" (DIR/a.toml:13:8) are one metric in OpenMetrics, which leaves out \"_total\"; give this one another name",
        ]
    );
}

#[test]
fn metrics_of_the_daemon_itself_are_taken() {
    for own in crate::daemon::own_metrics() {
        let family = own.name.trim_end_matches("_total");
        let family = family.trim_end_matches("_info");
        let text = BEEP
            .replace("geophone_beep_beeps_total", family)
            .replace("counter", "gauge");
        let found = Manifest::parse("beep.toml", &text).expect_err(family);
        assert!(
            found
                .iter()
                .any(|problem| problem.message.ends_with("such names are taken")),
            "{family}: {found:?}"
        );
    }
}

proptest::proptest! {
    /// Whatever is cut out of a manifest or put into it, reading it ends with a manifest or
    /// with problems that have their place.
    #[test]
    fn damaged_manifests_are_problems_not_panics(
        from in 0..DISK.len(),
        length in 0..80_usize,
        with in "[-\\[\\]{}=\"'\\\\a-z0-9_.\\n ]{0,8}",
    ) {
        let to = (from + length).min(DISK.len());
        let text = format!("{}{with}{}", &DISK[..from], &DISK[to..]);
        if let Err(problems) = Manifest::parse("disk.toml", &text) {
            assert!(!problems.is_empty());
            for problem in problems {
                assert!(matches!(problem.origin, Origin::File { line: 1.., column: 1.., .. }));
            }
        }
    }
}

#[test]
fn a_map_follows_one_kind_of_thing() {
    one_error(
        r#"{ field = "operation", label = "operation", values = ["read", "write", "other"] }"#,
        r#"{ field = "operation", label = "operation", discover = "cgroup", max = 3 }"#,
        "disk.toml:36:1: only one key of a map can have discover: its entries come and go with one kind of thing",
    );
}
