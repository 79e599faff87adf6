//! What the machines of a kernel boot.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use crate::architecture::Architecture;
use crate::guest::Which;
use crate::guest::report::{Check, parse};
use crate::vm::builds::Builds;
use crate::vm::drivers;
use crate::vm::image::{Contents, pack};
use crate::vm::kernel::{Files, Kernel};
use crate::vm::machine::Machine;
use crate::vm::service;

/// One of the machines of a kernel.
pub struct Plan {
    pub machine: String,
    pub which: Which,
    pub possible: Option<usize>,
}

/// What the machines of a kernel boot.
pub struct System {
    architecture: Architecture,
    image: PathBuf,
    /// The daemon, its test, and what they need.
    archive: PathBuf,
    /// The same with systemd, where there is such a machine.
    service: Option<PathBuf>,
}

impl System {
    pub fn provide(
        root: &Path,
        kernel: Kernel,
        plans: &[Plan],
        builds: &Builds,
        directory: &Path,
    ) -> Result<Self> {
        fs::create_dir_all(directory)?;
        let files = Files::provide(kernel, directory)?;
        let place = directory.join("initramfs.cpio");
        let sources = root.join("tests/drivers");
        let drivers = drivers::provide(
            &sources,
            &files.build_root,
            &directory.join("kernel/drivers"),
        )?;
        let architecture = kernel.architecture();
        let contents = Contents {
            architecture,
            userland: &files.userland,
            modules: &files.modules,
            for_drivers: &files.for_drivers,
            drivers: &drivers,
        };
        let programs = builds.of(architecture)?;
        let archive = pack(programs, &contents, directory)?;
        fs::write(&place, archive)?;
        let mut service = None;
        if plans.iter().any(|plan| plan.which == Which::Service) {
            let userland = service::provide(kernel.suite(), directory)?;
            let packaging = root.join("packaging");
            let archive = service::pack(&userland, programs, &packaging, directory)?;
            let place = directory.join("service.cpio");
            fs::write(&place, archive)?;
            service = Some(place);
        }
        Ok(Self {
            architecture,
            image: files.image,
            archive: place,
            service,
        })
    }

    pub fn boot(&self, plan: &Plan, console: &Path, limit: Duration) -> Result<Vec<Check>> {
        let (file_system, first) = if plan.which == Which::Service {
            let archive = self.service.as_ref().context("no system with systemd")?;
            // Nobody is there to be asked for a name and a password.
            let first = format!(
                "rdinit=/lib/systemd/systemd systemd.firstboot=off systemd.unit={}",
                service::UNIT
            );
            (archive, first)
        } else {
            (&self.archive, format!("-- guest {}", plan.which.name()))
        };
        let machine = Machine {
            architecture: self.architecture,
            image: self.image.clone(),
            file_system: file_system.clone(),
            console: console.to_owned(),
            limit,
            first,
            possible: plan.possible,
        };
        let checks = parse(&machine.run()?);
        ensure!(
            checks.iter().any(|check| check.name == "finished"),
            "the machine ended before the tests did"
        );
        Ok(checks)
    }
}
