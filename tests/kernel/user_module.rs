//! The worked example of docs/modules.md: a pair in a directory that the configuration names.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use geophone_test_support::bracket::Comparison;
use geophone_test_support::cpus::online;
use geophone_test_support::daemon::Daemon;
use geophone_test_support::exposition::Exposition;
use geophone_test_support::kernel_objects::KernelObjects;
use geophone_test_support::load::forks::storm;
use geophone_test_support::process::{Ended, run_to_end, sum_over_programs, unconfigured};
use geophone_test_support::scenario::softirq::compare;
use tempfile::TempDir;

use crate::{BINARY, geophone, turn};

const MODULE: &str = "softirq";
const CONNECTIONS: usize = 200;
const BYTES: usize = 16 << 20;

/// Without exact accounting the kernel's figure is a sample of some hundred ticks, to which
/// the tick's own softirqs are invisible; ours has the interrupts between entry and exit.
const DURATION_FACTOR: f64 = 2.0;

/// Ours is never more than the kernel's. Where it was less, it was by up to ten softirqs a
/// second, those that interrupted one process: see [`Comparison::nearly_equal`].
const UNSEEN_RUNS: f64 = 40.0;

/// `config/modules`, as shipped.
pub fn shipped() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("config/modules")
}

/// The shipped example with another manifest.
fn altered(alter: impl FnOnce(&str) -> String) -> TempDir {
    let manifest = fs::read_to_string(shipped().join("softirq.toml")).unwrap();
    let other = alter(&manifest);
    assert_ne!(other, manifest);
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("softirq.toml"), other).unwrap();
    let object = directory.path().join("softirq.o");
    fs::copy(shipped().join("softirq.o"), object).unwrap();
    directory
}

fn start(directory: &Path) -> Daemon {
    let key = format!("module_dirs = ['{}']\n", directory.display());
    geophone(&[MODULE]).configuration(&key).start().unwrap()
}

fn check(directory: &Path) -> Ended {
    let mut command = unconfigured(BINARY);
    command.arg("check").arg("--module-dir").arg(directory);
    run_to_end(&mut command, Duration::from_secs(5)).unwrap()
}

#[test]
fn the_shipped_modules_pass_the_check() {
    let Ended { status, said } = check(&shipped());
    assert!(status.success(), "{said}");
    assert!(said.contains("softirq auto"), "{said}");
}

#[test]
fn a_module_without_its_object_fails_the_check() {
    let directory = tempfile::tempdir().unwrap();
    let manifest = directory.path().join("softirq.toml");
    fs::copy(shipped().join("softirq.toml"), manifest).unwrap();
    let Ended { status, said } = check(directory.path());
    assert_eq!(status.code(), Some(2), "{said}");
    assert!(said.contains("softirq.o"), "{said}");
}

/// The code blocks of one section of docs/modules.md, as one text.
fn blocks(section: &str) -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/modules.md");
    let page = fs::read_to_string(page).unwrap();
    let (_, rest) = page.split_once(&format!("\n## {section}\n")).unwrap();
    let section = rest.split("\n## ").next().unwrap();
    let blocks = section.split("\n```").skip(1).step_by(2);
    let blocks: Vec<&str> = blocks
        .filter_map(|it| it.split_once('\n'))
        .map(|it| it.1)
        .collect();
    blocks.join("\n\n") + "\n"
}

#[test]
fn the_page_about_modules_shows_what_is_shipped() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let source = fs::read_to_string(root.join("ebpf/examples/softirq.rs")).unwrap();
    assert_eq!(blocks("The program"), source);
    let manifest = fs::read_to_string(shipped().join("softirq.toml")).unwrap();
    let (_comment, manifest) = manifest.split_once('\n').unwrap();
    assert_eq!(blocks("The manifest"), manifest);
}

/// `softirq_exit` feeds the durations alone, which need `softirq_entry`, too.
#[test]
fn a_program_of_which_nothing_is_exported_is_let_go() {
    let Some(_turn) = turn() else { return };
    let directory = altered(|manifest| {
        manifest.replace("target = \"softirq_entry\"", "target = \"softirq_gone\"")
    });
    let daemon = start(directory.path());
    let page = daemon.client().unwrap().metrics().unwrap();
    let unsupported = [("module", MODULE), ("state", "unsupported")];
    assert_eq!(page.sum("geophone_module_state", &unsupported), Some(1.0));
    let log = daemon.log();
    assert!(
        log.contains("softirq_exit: of no use without softirq_entry"),
        "{log}"
    );
    let held = KernelObjects::of_process(daemon.id()).unwrap();
    assert!(held.programs.is_empty());
}

/// The kernel frees memory in tasks and in the interrupts that these are in the midst of, also
/// in the midst of a program; it does not run the same one inside itself.
#[test]
fn runs_that_the_kernel_skips_are_counted() {
    let Some(_turn) = turn() else { return };
    let frees = "target = \"kmem_cache_free\"";
    let directory = altered(|manifest| {
        let manifest = manifest.replace("target = \"softirq_entry\"", frees);
        manifest.replace("target = \"softirq_exit\"", frees)
    });
    let daemon = start(directory.path());
    let mut client = daemon.client().unwrap();
    let told = |page: &Exposition| page.sum("geophone_program_missed_runs_total", &[]);
    let known = || sum_over_programs(daemon.id(), "recursion_misses:").unwrap();
    // Kernels before 5.12 do not tell it.
    let Some(mut before) = known() else { return };

    let deadline = Instant::now() + Duration::from_mins(1);
    loop {
        storm(online().unwrap().len(), 200).unwrap();
        let told = told(&client.metrics().unwrap()).unwrap();
        let after = known().unwrap();
        println!("{before} to {after} skipped, {told} told");
        assert!(before as f64 <= told && told <= after as f64);
        if before > 0 {
            break;
        }
        assert!(Instant::now() < deadline);
        before = after;
    }
}

#[test]
fn an_object_without_a_named_function_fails_the_check() {
    let directory = altered(|manifest| {
        manifest.replace("function = \"softirq_exit\"", "function = \"softirq_left\"")
    });
    let Ended { status, said } = check(directory.path());
    assert_eq!(status.code(), Some(2), "{said}");
    assert!(said.contains("softirq_left"), "{said}");
}

/// The shipped module, whose object knows no `SCHEMA`.
fn without_schema(manifest: &str) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("softirq.toml"), manifest).unwrap();
    let mut object = fs::read(shipped().join("softirq.o")).unwrap();
    let name = b"\0SCHEMA\0";
    let places: Vec<usize> = (0..object.len() - name.len())
        .filter(|&at| object[at..].starts_with(name))
        .collect();
    assert!(!places.is_empty());
    for at in places {
        object[at..at + name.len()].copy_from_slice(b"\0SCHEME\0");
    }
    fs::write(directory.path().join("softirq.o"), object).unwrap();
    directory
}

#[test]
fn only_a_module_with_histograms_needs_a_schema() {
    let manifest = fs::read_to_string(shipped().join("softirq.toml")).unwrap();
    let directory = without_schema(&manifest);
    let Ended { status, said } = check(directory.path());
    assert_eq!(status.code(), Some(2), "{said}");
    assert!(said.contains("no read-only global SCHEMA"), "{said}");

    let histogram = "[[metrics]]\nname = \"softirq_duration_seconds\"";
    let (counters, _) = manifest.split_once(histogram).unwrap();
    let directory = without_schema(counters);
    let Ended { status, said } = check(directory.path());
    assert!(status.success(), "{said}");

    let Some(_turn) = turn() else { return };
    let daemon = start(directory.path());
    let page = daemon.client().unwrap().metrics().unwrap();
    let active = [("module", MODULE), ("state", "active")];
    assert_eq!(page.sum("geophone_module_state", &active), Some(1.0));
    let runs = page.sum("softirq_runs_total", &[("vector", "timer")]);
    assert!(runs.is_some(), "{}", daemon.log());
}

#[test]
fn softirqs_agree_with_the_kernels_counts_and_time() {
    let Some(_turn) = turn() else { return };
    let daemon = start(&shipped());
    let outcome = compare(&mut daemon.client().unwrap(), CONNECTIONS, BYTES).unwrap();
    assert_eq!(outcome.invented, [""; 0]);
    for comparison in &outcome.runs {
        println!("{comparison}");
        comparison.nearly_equal(UNSEEN_RUNS, 1.0).unwrap();
    }
    let traffic = |it: &Comparison| it.what.contains("net_rx") && it.ours > 100.0 * UNSEEN_RUNS;
    assert!(
        outcome.runs.iter().any(traffic),
        "the loopback has hardly any traffic"
    );
    println!("{}", outcome.duration);
    outcome.duration.within_factor(DURATION_FACTOR).unwrap();
}

#[test]
fn the_fall_backs_count_the_same() {
    let Some(_turn) = turn() else { return };
    let directory = altered(|manifest| {
        let lines = manifest.lines().filter(|line| !line.contains("\"tp_btf\""));
        lines.collect::<Vec<_>>().join("\n")
    });
    let daemon = start(directory.path());
    assert!(
        daemon.log().contains("raw_tp/softirq_exit"),
        "{}",
        daemon.log()
    );
    let outcome = compare(&mut daemon.client().unwrap(), 20, BYTES).unwrap();
    assert_eq!(outcome.invented, [""; 0]);
    for comparison in &outcome.runs {
        comparison.nearly_equal(UNSEEN_RUNS, 1.0).unwrap();
    }
}
