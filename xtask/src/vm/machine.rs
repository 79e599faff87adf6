//! One machine, from power-on to power-off.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::architecture::Architecture;

/// `quiet` keeps the kernel's messages from tearing the results apart; errors still show.
const COMMAND_LINE: &str = "panic=-1 quiet random.trust_cpu=on";

/// All CPUs of a machine in one thread: with a thread for each, one may still run what
/// another has just patched in the kernel's text, and the kernel patches itself whenever a
/// tracepoint is switched on.
const EMULATION: &str = "tcg,thread=single";

pub struct Machine {
    pub architecture: Architecture,
    pub image: PathBuf,
    pub file_system: PathBuf,
    /// Where all that the guest writes goes.
    pub console: PathBuf,
    /// It is switched off after this time.
    pub limit: Duration,
    /// What the guest does, as the end of the kernel's command line.
    pub first: String,
    /// How many CPUs the kernel is to be ready for, besides those that there are. Since 6.9 it
    /// believes the firmware alone.
    pub possible: Option<usize>,
}

impl Machine {
    /// Runs until power-off; gives the text of the console.
    pub fn run(&self) -> Result<String> {
        let console = File::create(&self.console)?;
        let Emulator {
            program,
            package,
            options,
            serial,
        } = Emulator::of(self.architecture);
        // It has memory of its own for each that may come.
        let (memory, possible) = match self.possible {
            None => ("1024", String::new()),
            Some(possible) => ("2048", format!("possible_cpus={possible} ")),
        };
        let first = &self.first;
        let command_line = format!("console={serial} {possible}{COMMAND_LINE} {first}");
        let mut process = Command::new(program)
            .args(options)
            .args([
                "-accel",
                EMULATION,
                "-m",
                memory,
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
            .args(["-append", &command_line])
            .stdin(Stdio::null())
            .stdout(console.try_clone()?)
            .stderr(console)
            .spawn()
            .with_context(|| format!("{program} cannot be started: install {package}"))?;
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

struct Emulator {
    program: &'static str,
    /// Which has it.
    package: &'static str,
    options: &'static [&'static str],
    /// What the kernel calls the port that is the console.
    serial: &'static str,
}

impl Emulator {
    fn of(architecture: Architecture) -> Self {
        match architecture {
            Architecture::Amd64 => Self {
                program: "qemu-system-x86_64",
                package: "qemu-system-x86",
                options: &[],
                serial: "ttyS0",
            },
            // With signed return addresses, by a function that is cheap to emulate; and with a
            // PCI device at the slot at which the other has one, which a driver asks for.
            Architecture::Arm64 => Self {
                program: "qemu-system-aarch64",
                package: "qemu-system-arm",
                options: &[
                    "-machine",
                    "virt",
                    "-cpu",
                    "max,pauth-impdef=on",
                    "-device",
                    "pci-testdev,addr=1",
                ],
                serial: "ttyAMA0",
            },
        }
    }
}

/// The text of a console; it need not be UTF-8.
pub fn read(console: &Path) -> Result<String> {
    Ok(String::from_utf8_lossy(&fs::read(console)?).into_owned())
}
