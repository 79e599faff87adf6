//! What a service manager that speaks systemd's protocols hears of the daemon, and hands over.

use std::ffi::OsString;
use std::io;
use std::net::TcpListener;
use std::os::fd::AsRawFd as _;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use geophone_test_support::control_group::Group;
use geophone_test_support::exposition::Exposition;
use geophone_test_support::process::{Ended, run_to_end, thread_of, unconfigured};
use rustix::io::{FdFlags, fcntl_setfd};
use rustix::process::Signal;
use tempfile::TempDir;

use crate::{BINARY, geophone, turn};

const LIMIT: Duration = Duration::from_secs(20);
const WATCHDOG: Duration = Duration::from_secs(2);

/// Becomes what stands behind it, with this descriptor as the first one that is handed over.
const HAND_OVER: &str = "exec 3<&$0; LISTEN_FDS=1 LISTEN_PID=$$ exec \"$@\"";

/// Listens as the manager does.
struct Manager {
    directory: TempDir,
    socket: UnixDatagram,
}

impl Manager {
    fn listen() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let socket = UnixDatagram::bind(directory.path().join("notify")).unwrap();
        Self { directory, socket }
    }

    /// Starts what stands behind it.
    fn launcher(&self, watchdog: Option<Duration>) -> Vec<OsString> {
        let socket = self.directory.path().join("notify");
        let socket = format!("NOTIFY_SOCKET={}", socket.display());
        let watchdog = watchdog.map(|limit| format!("WATCHDOG_USEC={}", limit.as_micros()));
        let launcher = ["env".to_owned(), socket].into_iter().chain(watchdog);
        launcher.map(OsString::from).collect()
    }

    /// The lines of the next message; none if none comes within `limit`.
    fn hear(&self, limit: Duration) -> Option<Vec<String>> {
        let mut message = [0; 4096];
        self.socket.set_read_timeout(Some(limit)).unwrap();
        let received = self.socket.recv(&mut message);
        let is_none = |error: &io::Error| error.kind() == io::ErrorKind::WouldBlock;
        if received.as_ref().is_err_and(is_none) {
            return None;
        }
        let text = str::from_utf8(&message[..received.unwrap()]).unwrap();
        Some(text.lines().map(str::to_owned).collect())
    }
}

#[test]
fn the_manager_hears_of_start_and_end() {
    let Some(_turn) = turn() else { return };
    let manager = Manager::listen();
    let options = geophone(&["runqueue", "tcp"]).launched_by(manager.launcher(None));
    let mut daemon = options.start().unwrap();
    let message = manager.hear(LIMIT).unwrap();
    assert_eq!(message, ["READY=1", "STATUS=modules: 2 active"]);
    let (status, _) = daemon.stop(Signal::TERM).unwrap();
    assert!(status.success(), "{}", daemon.log());
    assert_eq!(manager.hear(LIMIT).unwrap()[0], "STOPPING=1");
    assert_eq!(manager.hear(Duration::from_millis(1)), None);
}

#[test]
fn the_manager_hears_that_sweeps_go_on() {
    let Some(_turn) = turn() else { return };
    let manager = Manager::listen();
    // By itself it would sweep once.
    let options = geophone(&["runqueue"])
        .launched_by(manager.launcher(Some(WATCHDOG)))
        .configuration("sweep.interval = \"1h\"\n");
    let daemon = options.start().unwrap();
    assert_eq!(manager.hear(LIMIT).unwrap()[0], "READY=1");
    for _ in 0..3 {
        let message = manager.hear(LIMIT).unwrap();
        assert_eq!(message, ["WATCHDOG=1", "STATUS=modules: 1 active"]);
    }

    // The thread that sweeps stands still; the others do what they did.
    let group = Group::new().unwrap();
    group
        .take_thread(thread_of(daemon.id(), "sweep").unwrap())
        .unwrap();
    group.freeze().unwrap();
    // What was on its way before; each would come within half the time.
    let late = (0..3).take_while(|_| manager.hear(WATCHDOG).is_some());
    assert!(late.count() < 3, "{}", daemon.log());
    let mut client = daemon.client().unwrap();
    assert_eq!(client.get("/-/healthy", "").unwrap().status, 200);
    // Nor is what is told newer than the last sweep.
    let began = |page: &Exposition| page.sum("geophone_sweep_timestamp_seconds", &[]);
    let deadline = "X-Prometheus-Scrape-Timeout-Seconds: 0.6\r\n";
    let mut page = || {
        let response = client.get("/metrics", deadline).unwrap();
        Exposition::parse(&response.text()).unwrap()
    };
    let (first, second) = (page(), page());
    assert_eq!(began(&first), began(&second));
    assert!(
        second.sum("geophone_partial_snapshots_total", &[])
            > first.sum("geophone_partial_snapshots_total", &[])
    );

    group.thaw().unwrap();
    assert_eq!(manager.hear(LIMIT).unwrap()[0], "WATCHDOG=1");
    // It cannot leave the group alive.
    drop(daemon);
}

#[test]
fn a_manager_that_does_not_listen_costs_nothing_but_a_warning() {
    let Some(_turn) = turn() else { return };
    let manager = Manager::listen();
    let launcher = manager.launcher(Some(WATCHDOG));
    drop(manager);
    let mut daemon = geophone(&["runqueue"])
        .launched_by(launcher)
        .start()
        .unwrap();
    let (status, _) = daemon.stop(Signal::TERM).unwrap();
    let log = daemon.log();
    assert!(status.success(), "{log}");
    let warnings = log.lines().filter(|line| line.contains("level=warn"));
    let warnings: Vec<&str> = warnings.collect();
    assert_eq!(warnings.len(), 1, "{log}");
    assert!(warnings[0].contains("NOTIFY_SOCKET"), "{log}");
}

/// Starts what stands behind it with this socket.
fn with_socket(listener: &TcpListener) -> [OsString; 4] {
    fcntl_setfd(listener, FdFlags::empty()).unwrap();
    let descriptor = listener.as_raw_fd().to_string();
    ["bash", "-c", HAND_OVER, &descriptor].map(OsString::from)
}

#[test]
fn a_socket_that_nobody_takes_is_told() {
    let Some(_turn) = turn() else { return };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let options = geophone(&["runqueue"]).launched_by(with_socket(&listener));
    let log = options.start().unwrap().log();
    assert!(log.contains("set web.systemd_socket = true"), "{log}");
}

#[test]
fn a_socket_that_is_handed_over_is_served() {
    let Some(_turn) = turn() else { return };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let daemon = geophone(&["runqueue"])
        .launched_by(with_socket(&listener))
        .address(listener.local_addr().unwrap())
        .configuration("web.systemd_socket = true\n")
        .start()
        .unwrap();
    let page = daemon.client().unwrap().metrics().unwrap();
    assert_eq!(page.module_states()["runqueue"], "active");
}

#[test]
fn without_a_socket_to_be_handed_over_it_does_not_start() {
    let Some(_turn) = turn() else { return };
    let refused = |script: &str| {
        let mut command = unconfigured("bash");
        command.args(["-c", script, BINARY, "run", "--web.systemd-socket"]);
        let Ended { status, said } = run_to_end(&mut command, LIMIT).unwrap();
        assert_eq!(status.code(), Some(2), "{said}");
        said
    };
    let said = refused("exec \"$0\" \"$@\"");
    assert!(said.contains("systemctl start geophone.socket"), "{said}");
    let said = refused("exec 3</dev/null; LISTEN_FDS=1 LISTEN_PID=$$ exec \"$0\" \"$@\"");
    assert!(said.contains("descriptor 3"), "{said}");
    assert!(said.contains("ListenStream="), "{said}");
}
