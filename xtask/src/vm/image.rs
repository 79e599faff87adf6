//! The guest's file system: the daemon, its test, and what they need to run.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use geophone_test_support::cuda::Driver;
use geophone_test_support::stub::{Library, Stub};

use crate::command::{output, text};
use crate::vm::cpio::Archive;
use crate::vm::drivers::Driver as TestDriver;

/// Where the guest finds the daemon.
pub const DAEMON: &str = "/usr/bin/geophone";
/// Where the guest finds its kernel modules, in the order of their names.
pub const MODULES: &str = "/modules";

/// Where the guest finds the modules of `tests/drivers`, and what they need.
pub const DRIVERS: &str = "/drivers";

/// Where the guest finds a CUDA driver without a GPU, and its application.
pub const CUDA: &str = "/cuda";

/// Programs of this machine that the loads call.
const TOOLS: [&str; 5] = ["ip", "tc", "nft", "dmsetup", "setpriv"];
const PATH: [&str; 4] = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/// What the guest finds besides the daemon.
pub struct Contents<'a> {
    /// Loaded as it boots.
    pub modules: &'a [PathBuf],
    /// Needed by the drivers.
    pub for_drivers: &'a [PathBuf],
    pub drivers: &'a [TestDriver],
}

/// Packs `daemon`, this very program as `/init`, and `contents`.
pub fn pack(daemon: &Path, contents: &Contents<'_>, scratch: &Path) -> Result<Vec<u8>> {
    let mut archive = Archive::default();
    for directory in ["dev", "proc", "sys", "tmp", "run"] {
        archive.directory(directory);
    }
    let init = stripped(&std::env::current_exe()?, scratch)?;
    let mut libraries = BTreeSet::new();
    for (path, file) in [(DAEMON, stripped(daemon, scratch)?), ("/init", init)] {
        archive.file(path, &fs::read(&file)?);
        libraries.extend(shared_libraries(&file));
    }
    for tool in TOOLS {
        let file = PATH.iter().map(|directory| Path::new(directory).join(tool));
        let file = file.into_iter().find(|file| file.exists());
        let file = file.with_context(|| {
            format!("{tool}: install iproute2, nftables, dmsetup and util-linux")
        })?;
        archive.file(&format!("/usr/bin/{tool}"), &fs::read(&file)?);
        libraries.extend(shared_libraries(&file));
    }
    // The guest has no compiler.
    let directory = scratch.join("cuda");
    fs::create_dir_all(&directory)?;
    let driver = Driver::build_in(&directory)?;
    let mut built = BTreeSet::from([driver.library(), driver.application()]);
    for library in Library::ALL {
        let stub = Stub::build_in(&directory, library)?;
        built.extend([stub.library(), stub.caller()]);
    }
    for file in built {
        let name = file.file_name().context("a file without a name")?;
        archive.file(&format!("{CUDA}/{}", name.display()), &fs::read(&file)?);
    }
    libraries.extend(shared_libraries(&driver.library()));
    for library in libraries {
        archive.file(&library, &fs::read(&library)?);
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
fn stripped(program: &Path, scratch: &Path) -> Result<PathBuf> {
    let name = program.file_name().context("a program without a name")?;
    let copy = scratch.join(name);
    output(Command::new("strip").arg("-o").arg(&copy).arg(program))?;
    Ok(copy)
}

/// The libraries and the loader that `program` asks for; none if it is linked statically.
fn shared_libraries(program: &Path) -> BTreeSet<String> {
    let said = text(Command::new("ldd").arg(program)).unwrap_or_default();
    let path = |line: &str| {
        line.split_whitespace()
            .find(|word| word.starts_with('/'))
            .map(str::to_owned)
    };
    said.lines().filter_map(path).collect()
}
