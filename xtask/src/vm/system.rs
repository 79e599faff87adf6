//! What the machines of a kernel boot.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::architecture::Architecture;
use crate::guest::Which;
use crate::guest::report::{Check, parse};
use crate::vm::builds::Builds;
use crate::vm::drivers;
use crate::vm::image::{Contents, pack};
use crate::vm::kernel::{Files, Kernel};
use crate::vm::machine::Machine;

/// One of the machines of a kernel.
pub struct Plan {
    pub machine: String,
    pub which: Which,
    pub possible: Option<usize>,
}

/// What a machine boots.
pub struct System {
    architecture: Architecture,
    image: PathBuf,
    archive: PathBuf,
}

impl System {
    pub fn provide(root: &Path, kernel: Kernel, builds: &Builds, directory: &Path) -> Result<Self> {
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
        let archive = pack(builds.of(architecture)?, &contents, directory)?;
        fs::write(&place, archive)?;
        Ok(Self {
            architecture,
            image: files.image,
            archive: place,
        })
    }

    pub fn boot(&self, plan: &Plan, console: &Path, limit: Duration) -> Result<Vec<Check>> {
        let machine = Machine {
            architecture: self.architecture,
            image: self.image.clone(),
            file_system: self.archive.clone(),
            console: console.to_owned(),
            limit,
            which: plan.which,
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
