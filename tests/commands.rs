//! The commands that need neither privileges nor the kernel, as a user meets them.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;
use std::time::Duration;

use geophone_test_support::process::{Ended, run_to_end, unconfigured};

const BINARY: &str = env!("CARGO_BIN_EXE_geophone");
const LIMIT: Duration = Duration::from_secs(20);

fn geophone(arguments: &[&str]) -> Ended {
    run_to_end(unconfigured(BINARY).args(arguments), LIMIT).unwrap()
}

#[test]
fn an_unknown_module_is_answered_with_the_nearest() {
    let Ended { status, said } = geophone(&["modules", "tpc"]);
    assert_eq!(status.code(), Some(2), "{said}");
    assert!(
        said.starts_with(
            "geophone: there is no module \"tpc\" (did you mean \"tcp\"?); there are runqueue, "
        ),
        "{said}"
    );
}

const UNFIT: &str = "manifest and object disagree: the object has no map EXITZ; \
                     build the object from the sources of this manifest";

/// `config/modules`, as shipped, with a change to the manifest that its object does not fit.
fn unfit(directory: &Path) {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/modules");
    let text = fs::read_to_string(shipped.join("softirq.toml")).unwrap();
    assert!(text.contains("\"EXITS\""), "{text}");
    let text = text.replace("\"EXITS\"", "\"EXITZ\"");
    fs::write(directory.join("softirq.toml"), text).unwrap();
    fs::copy(shipped.join("softirq.o"), directory.join("softirq.o")).unwrap();
}

#[test]
fn check_finds_what_is_wrong_with_an_object_whatever_else_is_wrong() {
    let directory = tempfile::tempdir().unwrap();
    unfit(directory.path());
    let (path, manifest) = (
        directory.path().to_str().unwrap(),
        directory.path().join("softirq.toml"),
    );
    let object = format!("{}:2:8: module softirq: {UNFIT}", manifest.display());
    let Ended { status, said } = geophone(&["check", "--module-dir", path]);
    assert_eq!(status.code(), Some(2), "{said}");
    assert_eq!(said, format!("{object}\n1 mistake in the configuration\n"));

    let mistaken = [
        "check",
        "--log.level=loud",
        "--btf=/nonexistent",
        "--module-dir",
        path,
    ];
    let Ended { status, said } = geophone(&mistaken);
    assert_eq!(status.code(), Some(2), "{said}");
    for expected in [
        "flag --log.level: log.level must be one of",
        "flag --btf: btf: ",
        &object,
        "\n3 mistakes in the configuration\n",
    ] {
        assert!(said.contains(expected), "no {expected} in: {said}");
    }
}

#[test]
fn check_looks_into_a_module_whose_name_is_taken() {
    let [first, second] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let directories = [first.path(), second.path()];
    for directory in directories {
        unfit(directory);
    }
    let [first, second] = directories.map(|directory| directory.to_str().unwrap());
    let Ended { said, .. } = geophone(&["check", "--module-dir", first, "--module-dir", second]);
    for expected in [
        format!("{first}/softirq.toml:2:8: module softirq: {UNFIT}"),
        format!("{second}/softirq.toml:2:8: module softirq: {UNFIT}"),
        format!(
            "{second}/softirq.toml:2:8: module \"softirq\" is already there ({first}/softirq.toml:2:8)"
        ),
    ] {
        assert!(said.contains(&expected), "no {expected} in: {said}");
    }
}
