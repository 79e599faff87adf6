//! Debian's kernels, fetched once.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::ValueEnum;

use crate::apt::Suite;
use crate::architecture::Architecture;
use crate::vm::build_root::BuildRoot;
use crate::vm::modules::Modules;
use crate::vm::userland::Userland;

/// What the guest's loads need that a kernel may have as modules. The first is not among
/// the dependencies of nf_tables, which asks for a checksum by its name when it starts.
const MODULES: [&str; 15] = [
    "crc32c_generic",
    "loop",
    "sd_mod",
    "scsi_debug",
    "dm_multipath",
    "dm_round_robin",
    "null_blk",
    "md_mod",
    "raid0",
    "veth",
    "sch_prio",
    "sch_netem",
    "nf_tables",
    "nft_numgen",
    "vgem",
];

/// What the drivers to test with need.
const FOR_DRIVERS: [&str; 1] = ["gpu_sched"];

/// The file beside a kernel that tells which modules it was fetched with.
const WANTED: &str = "wanted";

/// The kernels that the project promises to run on.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kernel {
    /// Linux 5.10, of Debian 11
    Bullseye,
    /// Linux 6.1, of Debian 12
    Bookworm,
    /// Linux 6.12, of Debian 13
    Trixie,
    /// The newest Linux that Debian has
    Sid,
    /// Linux 6.12, of Debian 13, for arm64
    TrixieArm64,
}

impl Kernel {
    /// As it is asked for.
    pub fn name(self) -> &'static str {
        match self {
            Self::TrixieArm64 => "trixie-arm64",
            _ => self.suite(),
        }
    }

    pub fn suite(self) -> &'static str {
        match self {
            Self::Bullseye => "bullseye",
            Self::Bookworm => "bookworm",
            Self::Trixie | Self::TrixieArm64 => "trixie",
            Self::Sid => "sid",
        }
    }

    pub fn architecture(self) -> Architecture {
        match self {
            Self::TrixieArm64 => Architecture::Arm64,
            _ => Architecture::Amd64,
        }
    }
}

/// A kernel on this machine's disk.
pub struct Files {
    pub image: PathBuf,
    /// In the order to load them.
    pub modules: Vec<PathBuf>,
    /// What the drivers to test with need, in the order to load them.
    pub for_drivers: Vec<PathBuf>,
    /// Builds modules for this kernel.
    pub build_root: BuildRoot,
    /// Programs that run on it.
    pub userland: Userland,
}

impl Files {
    /// The kernel below `directory`, fetched unless it is there with these modules.
    pub fn provide(kernel: Kernel, directory: &Path) -> Result<Self> {
        let place = directory.join("kernel");
        if fs::read_to_string(place.join(WANTED)).ok() != Some(wanted()) {
            fs::remove_dir_all(&place).ok();
            fetch(kernel, directory, &place)
                .with_context(|| format!("fetching the kernel of {}", kernel.name()))?;
        }
        let architecture = kernel.architecture();
        let userland = match architecture {
            Architecture::Amd64 => Userland::Host,
            Architecture::Arm64 => Userland::Unpacked {
                root: place.join("userland"),
                architecture,
            },
        };
        Ok(Self {
            image: place.join("vmlinuz"),
            modules: sorted(&place.join("modules"))?,
            for_drivers: sorted(&place.join("for-drivers"))?,
            build_root: BuildRoot::at(&place.join("build-root"), architecture),
            userland,
        })
    }
}

fn wanted() -> String {
    [MODULES.as_slice(), &FOR_DRIVERS].concat().join(" ")
}

fn sorted(directory: &Path) -> Result<Vec<PathBuf>> {
    let files = fs::read_dir(directory)?.map(|entry| Ok(entry?.path()));
    let mut files = files.collect::<Result<Vec<_>>>()?;
    files.sort();
    Ok(files)
}

fn fetch(kernel: Kernel, directory: &Path, place: &Path) -> Result<()> {
    let architecture = kernel.architecture();
    let suite = Suite::open(kernel.suite(), architecture, &directory.join("apt"))?;
    let scratch = directory.join("unpacked");
    suite.unpack(&packages(&suite, architecture)?, &scratch)?;

    let partial = directory.join("kernel.partial");
    fs::remove_dir_all(&partial).ok();
    fs::create_dir_all(&partial)?;
    fs::copy(image(&scratch)?, partial.join("vmlinuz"))?;
    let modules = Modules::find(&scratch)?;
    collect(&modules, &MODULES, &partial.join("modules"))?;
    collect(&modules, &FOR_DRIVERS, &partial.join("for-drivers"))?;
    let build_root = partial.join("build-root");
    match architecture {
        Architecture::Amd64 => BuildRoot::unpack(&suite, &suite, &build_root)?,
        Architecture::Arm64 => {
            let directory = directory.join("apt/amd64");
            let tools = Suite::open(kernel.suite(), Architecture::Amd64, &directory)?;
            BuildRoot::unpack(&suite, &tools, &build_root)?;
            Userland::unpack(&suite, &partial.join("userland"))?;
        }
    }
    fs::write(partial.join(WANTED), wanted())?;
    // Only now is it complete, and only now does it get the name that is looked for.
    fs::rename(&partial, place)?;
    fs::remove_dir_all(&scratch)?;
    fs::remove_dir_all(directory.join("apt"))?;
    Ok(())
}

fn collect(modules: &Modules, names: &[&str], directory: &Path) -> Result<()> {
    fs::create_dir(directory)?;
    for (number, (name, contents)) in modules.collect(names)?.iter().enumerate() {
        fs::write(directory.join(format!("{number:02}-{name}.ko")), contents)?;
    }
    Ok(())
}

/// The packages that `linux-image-amd64` or its like stands for. Newer suites keep the image and
/// the modules in packages of their own.
fn packages(suite: &Suite, architecture: Architecture) -> Result<Vec<String>> {
    let ending = format!("-{}", architecture.debian());
    let mut found = Vec::new();
    let mut pending = vec![format!("linux-image{ending}")];
    while let Some(package) = pending.pop() {
        for dependency in suite.dependencies(&[package])? {
            let of_kernel = dependency.starts_with("linux-") && dependency.ends_with(&ending);
            if of_kernel && !found.contains(&dependency) {
                found.push(dependency.clone());
                pending.push(dependency);
            }
        }
    }
    Ok(found)
}

/// `/boot/vmlinuz-RELEASE` or, newer, `/usr/lib/modules/RELEASE/vmlinuz`.
fn image(unpacked: &Path) -> Result<PathBuf> {
    let mut pending = vec![unpacked.join("boot"), unpacked.join("usr/lib/modules")];
    while let Some(directory) = pending.pop() {
        for entry in fs::read_dir(&directory).into_iter().flatten() {
            let entry = entry?;
            let name = entry.file_name();
            if name.to_string_lossy().starts_with("vmlinuz") {
                return Ok(entry.path());
            }
            if entry.file_type()?.is_dir() && name != "kernel" {
                pending.push(entry.path());
            }
        }
    }
    anyhow::bail!("no vmlinuz in the packages")
}
