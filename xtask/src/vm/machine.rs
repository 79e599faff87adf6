//! One machine, from power-on to power-off.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// `quiet` keeps the kernel's messages from tearing the results apart; errors still show.
const COMMAND_LINE: &str = "console=ttyS0 panic=-1 quiet random.trust_cpu=on -- guest";

/// All CPUs of a machine in one thread: with a thread for each, one may still run what
/// another has just patched in the kernel's text, and the kernel patches itself whenever a
/// tracepoint is switched on.
const EMULATION: &str = "tcg,thread=single";

pub struct Machine {
    pub image: PathBuf,
    pub file_system: PathBuf,
    /// Where all that the guest writes goes.
    pub console: PathBuf,
    /// It is switched off after this time.
    pub limit: Duration,
}

impl Machine {
    /// Runs until power-off; gives the text of the console.
    pub fn run(&self) -> Result<String> {
        let console = File::create(&self.console)?;
        let mut process = Command::new("qemu-system-x86_64")
            .args([
                "-accel",
                EMULATION,
                "-m",
                "1024",
                "-smp",
                "2",
                "-nographic",
                "-no-reboot",
            ])
            .args(["-nic", "none"])
            .arg("-kernel")
            .arg(&self.image)
            .arg("-initrd")
            .arg(&self.file_system)
            .args(["-append", COMMAND_LINE])
            .stdin(Stdio::null())
            .stdout(console.try_clone()?)
            .stderr(console)
            .spawn()
            .context("qemu-system-x86_64 cannot be started: install qemu-system-x86")?;
        let start = Instant::now();
        let ended = loop {
            if process.try_wait()?.is_some() {
                break true;
            }
            if start.elapsed() > self.limit {
                break false;
            }
            std::thread::sleep(Duration::from_millis(50));
        };
        if !ended {
            process.kill()?;
            process.wait()?;
            bail!("no end after {} s", self.limit.as_secs());
        }
        read(&self.console)
    }
}

/// The text of a console; it need not be UTF-8.
pub fn read(console: &Path) -> Result<String> {
    Ok(String::from_utf8_lossy(&fs::read(console)?).into_owned())
}
