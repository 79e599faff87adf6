use super::*;

#[test]
fn all_mistakes_are_reported_at_once() {
    let file = r#"btf = 1
telemetry_path = "/metrics"
[wbe]
max_requests = 3
[web]
telemetry_paht = "/metrics"
max_requests = 0
listen_addresses = ["localhost", ":1"]
[log]
level = "warning"
[sweep]
interval = "15"
min_interval = 1
[modules]
defualt = true
[modules.dsik]
schema = 9
[modules.disk]
enabled = "yes"
schema = 4
split = "true"
max_in_flight = 1
partition_include = "x"
device_include = "("
"#;
    let variables = [
        ("GEOPHONE_WEB__MAX_REQUEST", "1"),
        ("GEOPHONE_MODULES__DISK__SCHEMA", "fine"),
    ];
    let flags = [("--module.bep", "modules.bep.enabled", "true")];
    let found = load(file, &variables, &flags).expect_err("must be wrong");
    let expected = [
        "environment variable GEOPHONE_MODULES__DISK__SCHEMA: modules.disk.schema must be an integer from 0 to 3, found the string \"fine\"",
        "environment variable GEOPHONE_WEB__MAX_REQUEST: sets nothing that Geophone knows (did you mean GEOPHONE_WEB__MAX_REQUESTS?); two underscores separate a section from a key",
        "flag --module.bep: unknown module \"bep\" (did you mean \"beep\"?); known modules: disk, beep",
        "geophone.toml:1:7: btf must be a path in quotes, found the integer 1",
        "geophone.toml:2:1: unknown key \"telemetry_path\" (it belongs in [web])",
        "geophone.toml:3:2: unknown section \"wbe\" (did you mean \"web\"?)",
        "geophone.toml:6:1: unknown key \"telemetry_paht\" in [web] (did you mean \"telemetry_path\"?)",
        "geophone.toml:7:16: web.max_requests must be an integer from 1 to 1000, found the integer 0",
        "geophone.toml:8:21: web.listen_addresses holds \"localhost\", but it has no port; write \"host:port\", \":port\" or \"[ipv6]:port\", the host an IP address or localhost",
        "geophone.toml:10:9: log.level must be one of \"debug\", \"info\", \"warn\", \"error\", found the string \"warning\" (did you mean \"warn\"?)",
        "geophone.toml:12:12: sweep.interval must be a duration in quotes from 1s to 1h, such as \"15s\" or \"5m\", found the string \"15\": time unit needed, for example 15sec or 15ms",
        "geophone.toml:13:16: sweep.min_interval must be a duration in quotes from 0s to 1h, such as \"500ms\" or \"15s\", found the integer 1",
        "geophone.toml:15:1: unknown key \"defualt\" in [modules] (did you mean \"default\"?)",
        "geophone.toml:16:10: unknown module \"dsik\" (did you mean \"disk\"?); known modules: disk, beep",
        "geophone.toml:19:11: modules.disk.enabled must be true, false or \"auto\", found the string \"yes\"",
        "geophone.toml:20:10: modules.disk.schema must be an integer from 0 to 3, found the integer 4",
        "geophone.toml:21:9: modules.disk.split must be true or false, found the string \"true\"",
        "geophone.toml:22:17: modules.disk.max_in_flight must be an integer from 64 to 65536, found the integer 1",
        "geophone.toml:23:1: unknown key \"partition_include\" in [modules.disk] (did you mean \"device_include\"?)",
    ];
    for (found, expected) in found.iter().zip(expected) {
        assert_eq!(found, expected);
    }
    assert_eq!(found.len(), expected.len() + 1, "{found:#?}");
    let last = found.last().unwrap();
    assert!(last.starts_with("geophone.toml:24:18: modules.disk.device_include must be a regular expression in quotes, found the string \"(\": "), "{last}");
}

#[test]
fn every_item_of_a_list_has_its_own_mistake() {
    errors(
        r#"module_dirs = ["", 1]
[web]
listen_addresses = [
  "localhost",
  ":1",
  2,
  ":1",
  "web:80",
]
"#,
        &[
            "geophone.toml:1:16: module_dirs holds an empty path; remove it",
            "geophone.toml:1:20: module_dirs must be a list of paths, found in it the integer 1",
            "geophone.toml:4:3: web.listen_addresses holds \"localhost\", but it has no port; write \"host:port\", \":port\" or \"[ipv6]:port\", the host an IP address or localhost",
            "geophone.toml:6:3: web.listen_addresses must be a list of addresses, such as [\"[::]:10435\"], found in it the integer 2",
            "geophone.toml:7:3: web.listen_addresses holds \":1\" twice",
            "geophone.toml:8:3: web.listen_addresses holds \"web:80\", but \"web\" is not an IP address, and names are not resolved; write \"host:port\", \":port\" or \"[ipv6]:port\", the host an IP address or localhost",
        ],
    );
}

#[test]
fn addresses_that_overlap_are_both_named() {
    errors(
        "[web]\nlisten_addresses = [\":1\", \"[::1]:2\", \"127.0.0.1:1\"]\n",
        &[
            "geophone.toml:2:38: web.listen_addresses holds \":1\" and \"127.0.0.1:1\", which both take 127.0.0.1:1; keep one of them",
        ],
    );
}

#[test]
fn quotes_are_asked_for_only_in_files() {
    let variables = [
        ("GEOPHONE_SWEEP__INTERVAL", "500ms"),
        ("GEOPHONE_MODULES__DISK__DEVICE_INCLUDE", "("),
        ("GEOPHONE_WEB__LISTEN_ADDRESSES", "localhost"),
    ];
    let flags = [
        ("--log.level", "log.level", "loud"),
        ("--module.disk", "modules.disk.enabled", "yes"),
    ];
    let found = load("", &variables, &flags).unwrap_err();
    let expected = [
        "environment variable GEOPHONE_MODULES__DISK__DEVICE_INCLUDE: modules.disk.device_include must be a regular expression, found the string \"(\": ",
        "environment variable GEOPHONE_SWEEP__INTERVAL: sweep.interval must be a duration from 1s to 1h, such as 15s or 5m, found the string \"500ms\"",
        "environment variable GEOPHONE_WEB__LISTEN_ADDRESSES: web.listen_addresses holds \"localhost\", but it has no port; write host:port, :port or [ipv6]:port, the host",
        "flag --log.level: log.level must be one of debug, info, warn, error, found the string \"loud\"",
        "flag --module.disk: modules.disk.enabled must be true, false or auto, found the string \"yes\"",
    ];
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.starts_with(expected), "{found}");
    }
}

#[test]
fn mistakes_show_even_where_a_later_layer_hides_them() {
    let found = load(
        "[log]\nlevel = 1\n",
        &[("GEOPHONE_LOG__LEVEL", "info")],
        &[],
    )
    .unwrap_err();
    assert_eq!(found.len(), 1);
    let found = load("web = 3\n", &[("GEOPHONE_WEB", "x")], &[]).unwrap_err();
    assert_eq!(found.len(), 2, "{found:?}");
    assert_eq!(
        found[1],
        "geophone.toml:1:7: web is a section, written [web], found an integer"
    );
}

#[test]
fn variables_are_suggested_by_what_they_do_not_share() {
    let hint = |name: &str| {
        let found = load("", &[(name, "1")], &[]).unwrap_err();
        assert_eq!(found.len(), 1, "{found:?}");
        let hint = found[0].split_once("(did you mean ");
        hint.map(|(_, hint)| hint.split('?').next().unwrap().to_owned())
    };
    for nonsense in [
        "GEOPHONE_FOO",
        "GEOPHONE_WEB__FOO",
        "GEOPHONE_MODULES__DISK__FOO",
        "GEOPHONE_NONSENSE__FOO",
        "GEOPHONE_",
    ] {
        assert_eq!(hint(nonsense), None, "{nonsense}");
    }
    for (name, meant) in [
        ("GEOPHONE_BFT", "GEOPHONE_BTF"),
        ("GEOPHONE_WEB__MAX_REQUEST", "GEOPHONE_WEB__MAX_REQUESTS"),
        ("GEOPHONE_WEB_MAX_REQUESTS", "GEOPHONE_WEB__MAX_REQUESTS"),
        ("GEOPHONE_WBE__MAX_REQUESTS", "GEOPHONE_WEB__MAX_REQUESTS"),
        ("GEOPHONE_WEB__LEVEL", "GEOPHONE_LOG__LEVEL"),
        (
            "GEOPHONE_MODULES__DISK__DEVICE__INCLUDE",
            "GEOPHONE_MODULES__DISK__DEVICE_INCLUDE",
        ),
    ] {
        assert_eq!(hint(name).as_deref(), Some(meant), "{name}");
    }
}
