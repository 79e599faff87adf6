//! The daemon under test, as a process of its own.

use std::ffi::OsString;
use std::fs::{self, File, Permissions};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, setrlimit};
use tempfile::TempDir;

use crate::client::Client;
use crate::process::unconfigured;
use crate::wait;

/// Long enough for a machine in software emulation to load every module.
const START_LIMIT: Duration = Duration::from_mins(1);
const STOP_LIMIT: Duration = Duration::from_secs(10);

/// Every scrape must be a sweep of its own when it is compared with the kernel.
/// Not a table, so that keys of the top level may follow.
const CONFIGURATION: &str = "sweep.min_interval = \"1ms\"\n";

/// A running `geophone run`; killed when dropped.
pub struct Daemon {
    child: Child,
    address: SocketAddr,
    directory: TempDir,
    /// From the start of the process to its first good answer.
    pub start: Duration,
}

/// What the daemon is started with.
pub struct Options {
    launcher: Vec<OsString>,
    binary: PathBuf,
    configuration: String,
    arguments: Vec<String>,
    address: Option<SocketAddr>,
    /// Whether it is somebody else's process.
    as_other: bool,
}

impl Options {
    pub fn new(binary: impl AsRef<Path>) -> Self {
        Self {
            launcher: Vec::new(),
            binary: binary.as_ref().to_owned(),
            configuration: CONFIGURATION.to_owned(),
            arguments: Vec::new(),
            address: None,
            as_other: false,
        }
    }

    /// Started by a command that becomes what stands behind it, as `env` does.
    #[must_use]
    pub fn launched_by(mut self, command: impl IntoIterator<Item = OsString>) -> Self {
        self.launcher.extend(command);
        self
    }

    /// As an ordinary user with the two capabilities that tracing takes and no limit of locked
    /// memory, as a service manager would start it.
    #[must_use]
    pub fn as_ordinary_user(self) -> Self {
        // Before kernel 5.11 maps count as locked memory. Who may not raise it need not.
        let unlimited = Rlimit {
            current: None,
            maximum: None,
        };
        let _ = setrlimit(Resource::Memlock, unlimited);
        let sets = ["inh-caps", "ambient-caps", "bounding-set"];
        let sets = sets.map(|set| format!("--{set}=-all,+bpf,+perfmon"));
        let user = [
            "setpriv",
            "--reuid=65534",
            "--regid=65534",
            "--clear-groups",
        ];
        let user = user.into_iter().map(OsString::from);
        Self {
            as_other: true,
            ..self.launched_by(user.chain(sets.map(OsString::from)))
        }
    }

    /// Only these modules.
    #[must_use]
    pub fn only(mut self, modules: &[&str]) -> Self {
        self.arguments.push("--module.disable-defaults".to_owned());
        self.arguments
            .extend(modules.iter().map(|module| format!("--module.{module}")));
        self
    }

    /// TOML to add to the configuration file.
    #[must_use]
    pub fn configuration(mut self, toml: &str) -> Self {
        self.configuration.push_str(toml);
        self
    }

    /// Where to listen, instead of a free port of the loopback.
    #[must_use]
    pub fn address(mut self, address: SocketAddr) -> Self {
        self.address = Some(address);
        self
    }

    /// Starts the daemon and waits until it is ready to be scraped.
    pub fn start(self) -> Result<Daemon> {
        let address = self.address.map_or_else(free_address, Ok)?;
        let directory = tempfile::tempdir()?;
        let mut binary = self.binary.clone();
        if self.as_other {
            // Who need not be allowed into the directory of the build.
            fs::set_permissions(directory.path(), Permissions::from_mode(0o755))?;
            binary = directory.path().join("geophone");
            fs::copy(&self.binary, &binary)?;
        }
        let file = directory.path().join("geophone.toml");
        fs::write(&file, &self.configuration)?;
        let log = File::create(log_file(&directory))?;
        let begin = Instant::now();
        let mut command = self.launcher;
        command.push(binary.into());
        command.push("run".into());
        let (program, arguments) = command.split_first().context("no program")?;
        let child = unconfigured(program)
            .args(arguments)
            .arg("--config.file")
            .arg(&file)
            .args(["--web.listen-address", &address.to_string()])
            .args(&self.arguments)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("starting {}", self.binary.display()))?;
        let mut daemon = Daemon {
            child,
            address,
            directory,
            start: Duration::ZERO,
        };
        daemon
            .wait_until_ready()
            .with_context(|| format!("the daemon said:\n{}", daemon.log()))?;
        daemon.start = begin.elapsed();
        Ok(daemon)
    }
}

impl Daemon {
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// A client with a connection of its own.
    pub fn client(&self) -> Result<Client> {
        Client::connect(self.address)
    }

    /// All that it has written so far.
    pub fn log(&self) -> String {
        fs::read_to_string(log_file(&self.directory)).unwrap_or_default()
    }

    /// Bytes of memory that it has now (`VmRSS` in `/proc/PID/status`).
    pub fn resident(&self) -> Result<u64> {
        self.memory("VmRSS:")
    }

    /// The most that it has had so far (`VmHWM`).
    pub fn peak(&self) -> Result<u64> {
        self.memory("VmHWM:")
    }

    fn memory(&self, field: &str) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id()))?;
        let mut lines = status.lines();
        let line = lines.find_map(|line| line.strip_prefix(field));
        let line = line.with_context(|| format!("no {field}"))?;
        let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse()?;
        Ok(kibibytes << 10)
    }

    /// Sends `signal`; gives the exit status and the time until the end.
    pub fn stop(&mut self, signal: Signal) -> Result<(ExitStatus, Duration)> {
        let begin = Instant::now();
        kill_process(Pid::from_child(&self.child), signal)?;
        Ok((self.ended()?, begin.elapsed()))
    }

    /// Waits until it has ended, whatever ends it.
    pub fn ended(&mut self) -> Result<ExitStatus> {
        let child = &mut self.child;
        wait::until("the daemon to end", STOP_LIMIT, || Ok(child.try_wait()?))
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        wait::until("the daemon to be ready", START_LIMIT, || {
            if let Some(status) = self.child.try_wait()? {
                bail!("the daemon ended at once: {status}");
            }
            let ready = self
                .client()
                .and_then(|mut client| client.get("/-/ready", ""));
            Ok(ready
                .is_ok_and(|response| response.status == 200)
                .then_some(()))
        })
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn log_file(directory: &TempDir) -> PathBuf {
    directory.path().join("log")
}

/// An address of the loopback that was free a moment ago.
fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}
