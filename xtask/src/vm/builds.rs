//! What the machines run: the daemon and its test, built for each architecture.

use std::path::Path;

use anyhow::{Context, Result};

use crate::architecture::Architecture;
use crate::vm::image::Programs;
use crate::vm::kernel::Kernel;
use crate::{cross, release};

/// By architecture; none where no kernel needs it.
pub struct Builds {
    amd64: Option<Programs>,
    arm64: Option<Programs>,
}

impl Builds {
    /// Builds what `kernels` need, before the first machine is started.
    pub fn make(root: &Path, kernels: &[Kernel], given: Option<&Path>) -> Result<Self> {
        let is_for = |architecture| kernels.iter().any(|it| it.architecture() == architecture);
        let mut builds = Self {
            amd64: None,
            arm64: None,
        };
        if is_for(Architecture::Amd64) {
            builds.amd64 = Some(Programs {
                daemon: release::binary(root, given)?,
                init: std::env::current_exe()?,
            });
        }
        if is_for(Architecture::Arm64) {
            let programs = cross::build(root, &["geophone", "xtask"])?;
            builds.arm64 = Some(Programs {
                daemon: programs.join("geophone"),
                init: programs.join("xtask"),
            });
        }
        Ok(builds)
    }

    pub fn of(&self, architecture: Architecture) -> Result<&Programs> {
        let programs = match architecture {
            Architecture::Amd64 => &self.amd64,
            Architecture::Arm64 => &self.arm64,
        };
        programs.as_ref().context("not built")
    }
}
