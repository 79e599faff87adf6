//! Libraries on file systems that stop to answer.

use std::path::Path;
use std::time::Instant;

use geophone_test_support::daemon::Daemon;
use geophone_test_support::exposition::Exposition;
use geophone_test_support::process::Ended;
use geophone_test_support::silent::Silent;
use geophone_test_support::stub::{Caller, Library, Stub};

use super::{
    PATIENCE, assert_ends, assert_goes_on, assert_states, assert_told, behind, doctor, until,
};
use crate::{geophone, turn};

const MODULES: [&str; 3] = ["cudart", "nccl", "tcp"];

/// More than looks may be stuck at a time.
const USERS: usize = 6;

/// NCCL on a file system that can fall silent, and the CUDA runtime on another.
struct Machine {
    nccl: Stub,
    silent: Silent,
    cudart: Stub,
}

impl Machine {
    fn new() -> Self {
        let nccl = Stub::build(Library::Nccl).unwrap();
        let silent = Silent::serving(&nccl.library()).unwrap();
        let cudart = Stub::build(Library::Cudart).unwrap();
        Self {
            nccl,
            silent,
            cudart,
        }
    }

    /// Starts a process that has NCCL, and these.
    fn user(&self, others: &[&Path]) -> Caller {
        let name = self.nccl.library();
        let library = self.silent.path().join(name.file_name().unwrap());
        let libraries = [&[&*library], others].concat();
        let mut user = self.nccl.start_with(&libraries).unwrap();
        // It has opened them when it answers.
        assert_eq!(user.call("ncclGroupEnd", 1, &[]).unwrap(), 0);
        user
    }

    /// What is told of the file.
    fn reason(&self) -> String {
        let name = self.nccl.library();
        let path = self.silent.path().join(name.file_name().unwrap());
        format!("libraries: {} does not answer", path.display())
    }
}

fn start() -> Daemon {
    geophone(&MODULES).start().unwrap()
}

fn calls(page: &Exposition, module: &str, operation: &str) -> Option<f64> {
    let labels = [("workload", Caller::COMMAND), ("operation", operation)];
    page.sum(&format!("geophone_{module}_calls_total"), &labels)
}

fn stuck(page: &Exposition) -> f64 {
    let labels = [("state", "stuck")];
    page.sum("geophone_library_processes", &labels)
        .unwrap_or(0.0)
}

/// That launches of a caller are counted, all and no others.
fn assert_counts(daemon: &Daemon, caller: &mut Caller) {
    let before = until(daemon, "series of the caller", |page| {
        calls(page, "cudart", "kernel_launch").is_some()
    });
    caller.call("cudaLaunchKernel", 500, &[]).unwrap();
    let after = daemon.client().unwrap().metrics().unwrap();
    let of = |page| calls(page, "cudart", "kernel_launch").unwrap();
    let grown = of(&after) - of(&before);
    assert!((grown - 500.0).abs() < 0.5, "{grown}");
}

#[test]
fn a_library_that_does_not_answer_costs_its_calls() {
    let Some(_turn) = turn() else { return };
    let mut machine = Machine::new();
    let mut users: Vec<Caller> = (1..USERS).map(|_| machine.user(&[])).collect();
    // One of them has the other library, too.
    users.push(machine.user(&[&machine.cudart.library()]));
    machine.silent.fall_silent().unwrap();
    let reason = machine.reason();

    let daemon = start();
    let mut client = daemon.client().unwrap();
    let page = until(&daemon, "a stuck look", |page| stuck(page) > 0.5);
    assert_states(&daemon, &page, &[("nccl", "waiting"), ("tcp", "active")]);
    assert_goes_on(&mut client);
    assert_counts(&daemon, users.last_mut().unwrap());
    let missed = [("reason", "unanswered")];
    let page = until(&daemon, "the others' looks", |page| {
        let missed = page.sum("geophone_library_misses_total", &missed);
        missed.unwrap() >= (USERS - 1) as f64
    });
    // One look is enough to know of all.
    assert!((stuck(&page) - 1.0).abs() < 0.5, "{}", stuck(&page));
    assert_states(&daemon, &page, &[("cudart", "active"), ("nccl", "waiting")]);
    assert_eq!(calls(&page, "nccl", "broadcast"), None);
    assert_told(&mut client, &reason);
    let log = daemon.log();
    let warnings = log.lines().filter(|line| line.contains("level=warn"));
    assert!(
        warnings.filter(|line| line.contains(&reason)).count() == 1,
        "{log}"
    );

    let begin = Instant::now();
    let Ended { status, said } = doctor(&[], None, &MODULES);
    assert!(begin.elapsed() < PATIENCE / 2, "{:?}", begin.elapsed());
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(
        said.contains(&format!("    lost         {reason}")),
        "{said}"
    );
    for state in [
        "active       cudart",
        "waiting      nccl",
        "active       tcp",
    ] {
        assert!(said.contains(state), "no {state} in: {said}");
    }

    // Its server is back.
    machine.silent.answer_all().unwrap();
    let page = until(&daemon, "the library's users", |page| {
        calls(page, "nccl", "broadcast").is_some()
    });
    assert!(stuck(&page) < 0.5);
    users[0].call("ncclBcast", 20, &[1, 100, 9]).unwrap();
    until(&daemon, "its calls", |page| {
        calls(page, "nccl", "broadcast") == Some(20.0)
    });
    assert_states(&daemon, &client.metrics().unwrap(), &[("nccl", "active")]);
    let told = client.get("/status", "").unwrap();
    assert!(!told.text().contains("does not answer"), "{}", told.text());

    assert_ends(daemon);
}

/// It answered when it was found, and not when its functions were looked for.
#[test]
fn a_library_that_cannot_be_read_to_its_end_keeps_no_other_waiting() {
    let Some(_turn) = turn() else { return };
    let mut machine = Machine::new();
    let mut user = machine.user(&[]);
    let mut other = machine.cudart.start(&[]).unwrap();
    machine.silent.withhold_from(4096).unwrap();
    let daemon = start();
    let mut client = daemon.client().unwrap();
    assert_counts(&daemon, &mut other);
    assert_goes_on(&mut client);
    let page = client.metrics().unwrap();
    assert_states(&daemon, &page, &[("cudart", "active"), ("nccl", "waiting")]);
    assert_told(&mut client, &machine.reason());

    machine.silent.answer_all().unwrap();
    until(&daemon, "the library's users", |page| {
        calls(page, "nccl", "broadcast").is_some()
    });
    user.call("ncclBcast", 20, &[1, 100, 9]).unwrap();
    until(&daemon, "its calls", |page| {
        calls(page, "nccl", "broadcast") == Some(20.0)
    });
    assert_ends(daemon);
}

#[test]
fn a_place_that_does_not_answer_keeps_no_other_from_being_looked_at() {
    let Some(_turn) = turn() else { return };
    let silent = Silent::mount().unwrap();
    let nccl = Stub::build(Library::Nccl).unwrap();
    let from = nccl.library();
    let (from, silent_path) = (from.display(), silent.path().display());
    let launcher = behind(&format!(
        "mount -t tmpfs none /opt; mkdir -p /opt/rocm/lib /opt/rocm/lib64; \
         mount -c -n -i --bind {silent_path} /opt/rocm/lib; cp {from} /opt/rocm/lib64"
    ));
    let options = geophone(&MODULES).launched_by(launcher.iter().cloned());
    let daemon = options.start().unwrap();
    // Nobody has it, but it lies where it is looked for.
    let files = [("module", "nccl")];
    let page = until(&daemon, "the library", |page| {
        page.sum("geophone_library_files", &files) == Some(1.0)
    });
    let unanswered = [("reason", "unanswered")];
    let unanswered = page.sum("geophone_library_host_misses", &unanswered);
    assert_eq!(unanswered, Some(1.0));
    assert_states(&daemon, &page, &[("nccl", "degraded"), ("tcp", "active")]);
    let reason = "libraries: /opt/rocm/lib does not answer";
    assert_told(&mut daemon.client().unwrap(), reason);
    let Ended { status, said } = doctor(&launcher, None, &MODULES);
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains(reason), "{said}");
    assert_ends(daemon);
}
