//! The guest's file system: the daemon, its test, and what they need to run.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use geophone_test_support::cuda::Driver;
use geophone_test_support::replica::CC;
use geophone_test_support::stub::{Library, Stub};

use crate::architecture::Architecture;
use crate::command::output;
use crate::cross;
use crate::vm::cpio::Archive;
use crate::vm::drivers::Driver as TestDriver;
use crate::vm::userland::{Files, Userland};

/// Where the guest finds the daemon.
pub const DAEMON: &str = "/usr/bin/geophone";
/// Where the guest finds its kernel modules, in the order of their names.
pub const MODULES: &str = "/modules";

/// Where the guest finds the modules of `tests/drivers`, and what they need.
pub const DRIVERS: &str = "/drivers";

/// Where the guest finds a CUDA driver without a GPU, and its application.
pub const CUDA: &str = "/cuda";

/// Programs that the loads call.
const TOOLS: [&str; 5] = ["ip", "tc", "nft", "dmsetup", "setpriv"];

/// The daemon, and what tests it as the first process.
pub struct Programs {
    pub daemon: PathBuf,
    pub init: PathBuf,
}

/// What the guest finds besides them.
pub struct Contents<'a> {
    pub architecture: Architecture,
    pub userland: &'a Userland,
    /// Loaded as it boots.
    pub modules: &'a [PathBuf],
    /// Needed by the drivers.
    pub for_drivers: &'a [PathBuf],
    pub drivers: &'a [TestDriver],
}

/// Packs `programs` and `contents`.
pub fn pack(programs: &Programs, contents: &Contents<'_>, scratch: &Path) -> Result<Vec<u8>> {
    let Contents {
        architecture,
        userland,
        ..
    } = *contents;
    let mut archive = Archive::default();
    for directory in ["dev", "proc", "sys", "tmp", "run"] {
        archive.directory(directory);
    }
    let mut libraries = Files::new();
    for (path, file) in [(DAEMON, &programs.daemon), ("/init", &programs.init)] {
        let file = stripped(file, architecture, scratch)?;
        archive.file(path, &fs::read(&file)?);
        libraries.extend(userland.libraries(&file)?);
    }
    for tool in TOOLS {
        let file = userland.program(tool)?;
        archive.file(&format!("/usr/bin/{tool}"), &fs::read(&file)?);
        libraries.extend(userland.libraries(&file)?);
    }
    // The guest has no compiler.
    let directory = scratch.join("cuda");
    fs::create_dir_all(&directory)?;
    let compiler = match architecture {
        Architecture::Amd64 => CC,
        Architecture::Arm64 => cross::CC,
    };
    let driver = Driver::build_in(&directory, compiler)?;
    let mut built = BTreeSet::from([driver.library(), driver.application()]);
    for library in Library::ALL {
        let stub = Stub::build_in(&directory, library, compiler)?;
        built.extend([stub.library(), stub.caller()]);
    }
    for file in built {
        let name = file.file_name().context("a file without a name")?;
        archive.file(&format!("{CUDA}/{}", name.display()), &fs::read(&file)?);
    }
    libraries.extend(userland.libraries(&driver.library())?);
    for (path, file) in libraries {
        archive.file(&path, &fs::read(&file)?);
    }
    for (directory, modules) in [(MODULES, contents.modules), (DRIVERS, contents.for_drivers)] {
        for module in modules {
            let name = module.file_name().context("a module without a name")?;
            archive.file(
                &format!("{directory}/{}", name.display()),
                &fs::read(module)?,
            );
        }
    }
    for TestDriver { path, file } in contents.drivers {
        archive.file(&format!("{DRIVERS}/{path}"), &fs::read(file)?);
    }
    Ok(archive.finish())
}

/// A copy without symbols: the guest unpacks all of it into its memory.
pub fn stripped(program: &Path, architecture: Architecture, scratch: &Path) -> Result<PathBuf> {
    let name = program.file_name().context("a program without a name")?;
    let copy = scratch.join(name);
    output(
        Command::new(architecture.strip())
            .arg("-o")
            .arg(&copy)
            .arg(program),
    )?;
    Ok(copy)
}
