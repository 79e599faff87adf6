//! Modules that measure kernel drivers, which come and go while the daemon runs.
//!
//! The drivers are directories in a place that a daemon in a mount namespace of its own takes
//! for `/sys/module`; the programs are those of the shipped example.

use std::ffi::OsString;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use geophone_test_support::daemon::Daemon;
use geophone_test_support::exposition::Exposition;
use geophone_test_support::kernel_objects::KernelObjects;
use geophone_test_support::process::{Ended, run_to_end, unconfigured};
use geophone_test_support::wait;
use tempfile::TempDir;

use crate::collect::altered;
use crate::{BINARY, geophone, turn};

const FIRST: &str = "test_first";
const SECOND: &str = "test_second";
const REASON: &str = "no driver test_first or test_second is loaded: it begins when one is";

/// Two looks and a bring-up; more in software emulation.
const LIMIT: Duration = Duration::from_secs(30);

/// What a module that was brought up may add to the daemon's memory, in kB. The kernel's type
/// information would be some 10,000.
const KEPT: u64 = 4000;

/// What is loaded.
struct Sysfs(TempDir);

impl Sysfs {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).unwrap();
        Self(directory)
    }

    fn load(&self, driver: &str) {
        fs::create_dir(self.0.path().join(driver)).unwrap();
    }

    fn unload(&self, driver: &str) {
        fs::remove_dir(self.0.path().join(driver)).unwrap();
    }

    /// At once, so that nobody sees it gone.
    fn reload(&self, driver: &str) {
        self.load("again");
        let (new, old) = (self.0.path().join("again"), self.0.path().join(driver));
        fs::rename(new, old).unwrap();
    }

    /// Becomes a command that takes this for the kernel's.
    fn launcher(&self) -> Vec<OsString> {
        let script = r#"mount --bind "$0" /sys/module; exec "$@""#;
        let words = ["unshare", "--mount", "sh", "-euc", script];
        let words = words.into_iter().map(OsString::from);
        words.chain([self.0.path().into()]).collect()
    }

    /// Runs `geophone` to its end.
    fn run(&self, before: &[&str], binary: &Path, arguments: &[&str], modules: &Path) -> Ended {
        let launcher = self.launcher();
        let mut command = unconfigured(&launcher[0]);
        command.args(&launcher[1..]).args(before).arg(binary);
        command.args(arguments).arg("--module.disable-defaults");
        command.arg("--module-dir").arg(modules);
        // `auto`, which no flag says.
        command.env("GEOPHONE_MODULES__SOFTIRQ__ENABLED", "auto");
        run_to_end(command.current_dir("/"), LIMIT).unwrap()
    }
}

/// The shipped module as one that measures both drivers.
fn modules() -> TempDir {
    let drivers = format!("drivers = [\"{FIRST}\", \"{SECOND}\"]\nmemory = ");
    altered("memory = ", &drivers)
}

fn start(sysfs: &Sysfs, modules: &Path, more: &str) -> Daemon {
    let key = format!("module_dirs = ['{}']\n{more}", modules.display());
    let auto = "modules.default = false\nmodules.softirq.enabled = \"auto\"\n";
    geophone(&[])
        .configuration(&key)
        .configuration(auto)
        .launched_by(sysfs.launcher())
        .start()
        .unwrap()
}

fn page(daemon: &Daemon) -> Exposition {
    daemon.client().unwrap().metrics().unwrap()
}

/// Waits until the module is in this state, and was brought up so often.
fn waits(daemon: &Daemon, state: &str, starts: u32) -> Exposition {
    let is = |page: &Exposition| {
        let labels = [("module", "softirq"), ("state", state)];
        let count = page.sum("geophone_module_starts_total", &labels[..1]);
        page.sum("geophone_module_state", &labels) == Some(1.0) && count == Some(f64::from(starts))
    };
    let what = format!("state {state} and {starts} starts");
    let wait = wait::until(&what, LIMIT, || Ok(Some(page(daemon)).filter(is)));
    wait.map_err(|error| format!("{error}\n{}", daemon.log()))
        .unwrap()
}

fn counts(page: &Exposition) -> bool {
    page.sum("softirq_runs_total", &[("vector", "timer")])
        .is_some()
}

fn held(daemon: &Daemon) -> KernelObjects {
    KernelObjects::of_process(daemon.id()).unwrap()
}

/// Memory of the daemon's own, in kB.
fn memory(daemon: &Daemon) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", daemon.id())).unwrap();
    let field = status.lines().find_map(|it| it.strip_prefix("RssAnon:"));
    let value = field.and_then(|it| it.trim().strip_suffix(" kB"));
    value.unwrap().parse().unwrap()
}

fn lines(daemon: &Daemon, text: &str) -> usize {
    let log = daemon.log();
    log.lines().filter(|line| line.contains(text)).count()
}

#[test]
fn a_module_comes_and_goes_with_its_drivers() {
    let Some(_turn) = turn() else { return };
    let (sysfs, modules) = (Sysfs::new(), modules());
    let daemon = start(&sysfs, modules.path(), "");
    assert!(!counts(&waits(&daemon, "unsupported", 0)));
    assert!(held(&daemon).programs.is_empty());
    assert_eq!(lines(&daemon, "module=softirq"), 1, "{}", daemon.log());
    for page in ["/status", "/"] {
        let told = daemon.client().unwrap().get(page, "").unwrap();
        assert!(told.text().contains(REASON), "{page}: {}", told.text());
    }

    let before = memory(&daemon);
    sysfs.load(FIRST);
    assert!(counts(&waits(&daemon, "active", 1)));
    let given_back = || Ok((memory(&daemon) < before + KEPT).then_some(()));
    wait::until("memory to be given back", LIMIT, given_back).unwrap();
    let first = held(&daemon);
    assert_eq!(first.programs.len(), 2);
    assert!(first.is_subset(&KernelObjects::loaded()));
    assert_eq!(lines(&daemon, "\"module active\""), 1, "{}", daemon.log());

    sysfs.reload(FIRST);
    assert!(counts(&waits(&daemon, "active", 2)));
    first.freed().unwrap();
    let second = held(&daemon);
    assert_eq!(second.programs.len(), 2);

    sysfs.unload(FIRST);
    assert!(!counts(&waits(&daemon, "unsupported", 2)));
    second.freed().unwrap();
    assert!(held(&daemon).programs.is_empty());
    let told = daemon.client().unwrap().get("/status", "").unwrap();
    assert!(told.text().contains(REASON), "{}", told.text());

    sysfs.load(SECOND);
    assert!(counts(&waits(&daemon, "active", 3)));
    for level in ["level=warn", "level=error"] {
        assert_eq!(lines(&daemon, level), 0, "{}", daemon.log());
    }
    assert_eq!(lines(&daemon, "module=softirq"), 5, "{}", daemon.log());
}

#[test]
fn a_driver_that_gives_no_program_leaves_the_counts() {
    let Some(_turn) = turn() else { return };
    let (sysfs, modules) = (Sysfs::new(), modules());
    sysfs.load(FIRST);
    let daemon = start(&sysfs, modules.path(), "log.level = \"debug\"\n");
    waits(&daemon, "active", 1);
    let before = held(&daemon);
    sysfs.load(SECOND);
    let looked = || Ok((lines(&daemon, "nothing gained") == 1).then_some(()));
    wait::until("a look at the second driver", LIMIT, looked).unwrap();
    assert!(counts(&waits(&daemon, "active", 1)));
    assert_eq!(held(&daemon), before);
}

#[test]
fn a_module_that_cannot_be_loaded_says_so_when_its_driver_comes() {
    let Some(_turn) = turn() else { return };
    let sysfs = Sysfs::new();
    let modules = modules();
    let manifest = modules.path().join("softirq.toml");
    let text = fs::read_to_string(&manifest).unwrap();
    let unfit = text.replace("\"softirq_exit\", attach", "\"softirq_left\", attach");
    assert_ne!(unfit, text);
    fs::write(&manifest, unfit).unwrap();
    let daemon = start(&sysfs, modules.path(), "");
    waits(&daemon, "unsupported", 0);
    sysfs.load(FIRST);
    assert!(!counts(&waits(&daemon, "failed", 0)));
    assert_eq!(lines(&daemon, "level=warn"), 1, "{}", daemon.log());
}

#[test]
fn commands_tell_of_a_missing_driver_and_find_nothing_wrong() {
    let Some(_turn) = turn() else { return };
    let (sysfs, modules) = (Sysfs::new(), modules());
    let binary = Path::new(BINARY);
    let collect = ["collect", "--for", "10ms"];
    for (arguments, told) in [
        (&["doctor"][..], format!("-> {REASON}\n")),
        (&collect[..], format!("reason=\"{REASON}\"\n")),
    ] {
        let Ended { status, said } = sysfs.run(&[], binary, arguments, modules.path());
        assert!(status.success(), "{arguments:?}: {said}");
        assert!(said.contains(&told), "no {told} in: {said}");
        for level in ["level=warn", "level=error"] {
            assert!(!said.contains(level), "{said}");
        }
    }

    let nobody = [
        "setpriv",
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
    ];
    let directory = tempfile::tempdir().unwrap();
    for directory in [&directory, &modules] {
        fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).unwrap();
    }
    let copy = directory.path().join("geophone");
    fs::copy(BINARY, &copy).unwrap();
    let Ended { said, .. } = sysfs.run(&nobody, &copy, &["doctor"], modules.path());
    assert!(said.contains(REASON), "{said}");
    assert!(said.contains("unsupported  softirq"), "{said}");
}

#[test]
fn a_module_that_must_run_needs_its_driver() {
    let Some(_turn) = turn() else { return };
    let (sysfs, modules) = (Sysfs::new(), modules());
    let required = ["collect", "--for", "10ms", "--module.softirq"];
    let run = |sysfs: &Sysfs| sysfs.run(&[], Path::new(BINARY), &required, modules.path());
    let Ended { status, said } = run(&sysfs);
    assert_eq!(status.code(), Some(1), "{said}");
    let message = "level=error msg=\"required, but not active: softirq (unsupported).";
    assert!(said.contains(message), "{said}");
    let doctor = ["doctor", "--module.softirq"];
    let Ended { status, said } = sysfs.run(&[], Path::new(BINARY), &doctor, modules.path());
    assert_eq!(status.code(), Some(1), "{said}");
    sysfs.load(FIRST);
    let Ended { status, said } = run(&sysfs);
    assert!(status.success(), "{said}");
}
