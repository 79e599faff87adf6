//! `geophone collect`, and what a module that must run and cannot means to it and to `run`.

use std::fs;
use std::path::Path;
use std::time::Duration;

use geophone_test_support::process::{Ended, run_to_end, unconfigured};
use tempfile::TempDir;

use crate::user_module::shipped;
use crate::{BINARY, geophone, turn};

/// The shipped module with `from` in its manifest replaced.
pub fn altered(from: &str, to: &str) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let manifest = fs::read_to_string(shipped().join("softirq.toml")).unwrap();
    assert!(manifest.contains(from));
    let manifest = manifest.replace(from, to);
    fs::write(directory.path().join("softirq.toml"), manifest).unwrap();
    let object = directory.path().join("softirq.o");
    fs::copy(shipped().join("softirq.o"), object).unwrap();
    directory
}

/// A module of whose two programs one has nothing to attach to.
fn degraded() -> TempDir {
    altered("target = \"softirq_exit\"", "target = \"softirq_nowhere\"")
}

/// A module that cannot be loaded at all.
fn failed() -> TempDir {
    altered("function = \"softirq_exit\"", "function = \"softirq_left\"")
}

/// Collects with a module alone, `enabled` being so.
fn collect(modules: &Path, enabled: &str) -> Ended {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("geophone.toml");
    let text = format!("modules.default = false\nmodules.softirq.enabled = {enabled}\n");
    fs::write(&file, text).unwrap();
    let mut command = unconfigured(BINARY);
    command.args(["collect", "--for", "100ms", "--module-dir"]);
    command.arg(modules).arg("--config.file").arg(&file);
    run_to_end(&mut command, Duration::from_secs(20)).unwrap()
}

#[test]
fn a_module_that_must_run_and_cannot_fails_the_collection_after_its_page() {
    let Some(_turn) = turn() else { return };
    for (modules, state) in [(degraded(), "degraded"), (failed(), "failed")] {
        let Ended { status, said } = collect(modules.path(), "true");
        assert_eq!(status.code(), Some(1), "{said}");
        let message = format!("level=error msg=\"required, but not active: softirq ({state}).");
        let before = said.split(&message).next().unwrap();
        assert!(before.len() < said.len(), "no message in: {said}");
        let page = format!("geophone_module_state{{module=\"softirq\",state=\"{state}\"}} 1\n");
        assert!(before.contains(&page), "{said}");
        let counted = before.contains("softirq_runs_total{vector=\"timer\"}");
        assert_eq!(counted, state == "degraded", "{said}");
    }
}

#[test]
fn a_module_that_may_be_missing_does_not() {
    let Some(_turn) = turn() else { return };
    for (modules, measures) in [(degraded(), true), (failed(), false)] {
        let Ended { status, said } = collect(modules.path(), "\"auto\"");
        assert!(status.success(), "{said}");
        assert!(said.contains("geophone_build_info{"), "{said}");
        let error = "level=error msg=\"no module is active: nothing is measured";
        assert_eq!(said.contains(error), !measures, "{said}");
    }
    let Ended { status, said } = collect(&shipped(), "true");
    assert!(status.success(), "{said}");
}

#[test]
fn the_daemon_stays_and_says_what_it_lacks() {
    let Some(_turn) = turn() else { return };
    let modules = failed();
    let key = format!("module_dirs = ['{}']\n", modules.path().display());
    let options = geophone(&["softirq", "tcp"]).configuration(&key);
    let daemon = options.start().unwrap();
    let page = daemon.client().unwrap().metrics().unwrap();
    for (module, state) in [("softirq", "failed"), ("tcp", "active")] {
        let labels = [("module", module), ("state", state)];
        assert_eq!(page.sum("geophone_module_state", &labels), Some(1.0));
    }
    let errors = |it: &&str| it.contains("level=error") && it.contains("module=softirq");
    assert_eq!(daemon.log().lines().filter(errors).count(), 1);
}
