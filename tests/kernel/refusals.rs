//! What a new user meets first: each names the cause and the remedy, at once.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use geophone_test_support::process::{Ended, run_to_end, unconfigured};

use crate::{BINARY, turn};

/// A refusal is quick; the rest is for a busy machine.
const LIMIT: Duration = Duration::from_secs(5);
const NOBODY: &str = "65534";

/// Runs `geophone` with these arguments as nobody.
fn as_nobody(arguments: &[&str]) -> Ended {
    // Where nobody can reach it, whatever the way to the build directory.
    let directory = tempfile::tempdir().unwrap();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let binary = directory.path().join("geophone");
    fs::copy(BINARY, &binary).unwrap();
    let mut command = unconfigured("setpriv");
    command
        .args(["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"])
        .arg(binary)
        .args(arguments)
        .current_dir("/");
    run_to_end(&mut command, LIMIT).unwrap()
}

#[test]
fn without_privileges_doctor_tells_what_the_kernel_has() {
    let Some(_turn) = turn() else { return };
    let Ended { status, said } = as_nobody(&["doctor"]);
    assert_eq!(status.code(), Some(1), "{said}");
    for expected in [
        "not tried: missing CAP_BPF and CAP_PERFMON",
        "untried      runqueue",
        "tp_btf/sched_switch",
    ] {
        assert!(said.contains(expected), "no {expected} in: {said}");
    }
}

#[test]
fn without_privileges_it_names_the_capabilities_and_how_to_get_them() {
    let Some(_turn) = turn() else { return };
    let address = ["--web.listen-address", "127.0.0.1:0"];
    let Ended { status, said } = as_nobody(&[&["run", "--log.format=json"], &address[..]].concat());
    assert!(!status.success(), "{said}");
    assert!(said.starts_with('{'), "no line of the log: {said}");
    for expected in ["CAP_BPF", "CAP_PERFMON", "sudo"] {
        assert!(said.contains(expected), "no {expected} in: {said}");
    }
}

#[test]
fn a_busy_port_is_named_before_anything_is_attached() {
    let Some(_turn) = turn() else { return };
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let mut command = unconfigured(BINARY);
    command.args(["run", "--web.listen-address", &address]);
    let Ended { status, said } = run_to_end(&mut command, LIMIT).unwrap();
    assert!(!status.success(), "{said}");
    assert!(said.contains(&address), "{said}");
    assert!(said.contains("in use"), "{said}");
    // Every module that is loaded, or tried, has a line.
    assert!(!said.contains("module"), "{said}");
}

#[test]
fn a_typo_in_the_configuration_is_answered_with_the_nearest_name() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("geophone.toml");
    fs::write(&file, "[web]\ntelemetry_pat = \"/x\"\n").unwrap();
    let mut command = unconfigured(BINARY);
    command.arg("run").arg("--config.file").arg(&file);
    let Ended { status, said } = run_to_end(&mut command, LIMIT).unwrap();
    assert_eq!(status.code(), Some(2), "{said}");
    for expected in ["telemetry_pat", "telemetry_path", "geophone.toml"] {
        assert!(said.contains(expected), "no {expected} in: {said}");
    }
}

/// What the kernel says of its types itself.
const RUNNING: &str = "/sys/kernel/btf/vmlinux";

#[test]
fn type_information_that_cannot_be_used_ends_every_command() {
    let directory = tempfile::tempdir().unwrap();
    let other = directory.path().join("other");
    let mut cases = vec!["/nonexistent/btf", "/dev/null", "/proc/self/status"];
    if let Ok(mut bytes) = fs::read(RUNNING) {
        // As good as that of the kernel next door: it can be read, and is not this one's.
        bytes.push(0);
        fs::write(&other, bytes).unwrap();
        cases.push(other.to_str().unwrap());
    }
    for file in cases {
        for name in ["run", "check", "collect", "doctor"] {
            let mut command = unconfigured(BINARY);
            command.arg(name).arg("--btf").arg(file);
            let Ended { status, said } = run_to_end(&mut command, LIMIT).unwrap();
            assert_eq!(status.code(), Some(2), "{name}: {said}");
            for expected in [
                "flag --btf: ",
                file,
                "; name a BTF file made for this kernel",
            ] {
                assert!(said.contains(expected), "no {expected} in: {said}");
            }
        }
    }
}

#[test]
fn doctor_tells_the_file_of_type_information_in_use() {
    let Some(_turn) = turn() else { return };
    let Ok(bytes) = fs::read(RUNNING) else { return };
    let directory = tempfile::tempdir().unwrap();
    let copy = directory.path().join("btf");
    fs::write(&copy, &bytes).unwrap();
    let mut command = unconfigured(BINARY);
    command.arg("doctor").arg("--btf").arg(&copy);
    let Ended { said, .. } = run_to_end(&mut command, Duration::from_secs(20)).unwrap();
    let expected = format!("{}, {} bytes", copy.display(), bytes.len());
    assert!(said.contains(&expected), "{said}");
}

#[test]
fn who_listens_no_more_ends_a_printing_command_quietly() {
    for arguments in [&["modules"][..], &["check"], &["--help"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let ended = unconfigured(BINARY).args(arguments).stdout(writer).output();
        let ended = ended.unwrap();
        let said = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(
            (ended.status.code(), &*said),
            (Some(0), ""),
            "{arguments:?}"
        );

        let full = fs::OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .unwrap();
        let ended = unconfigured(BINARY).args(arguments).stdout(full).output();
        let ended = ended.unwrap();
        let said = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(1), "{arguments:?}: {said}");
        assert!(
            said.starts_with("geophone: cannot write to standard output: "),
            "{said}"
        );
    }
}
