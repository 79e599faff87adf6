//! What builds modules for one of Debian's kernels: its headers and its own compiler, in a
//! root directory of their own, since neither runs on the libraries of another release.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::apt::Suite;
use crate::architecture::Architecture;
use crate::command::output;

/// What the kernel's makefiles call besides what its headers ask for.
const TOOLS: [&str; 8] = [
    "coreutils",
    "dash",
    "diffutils",
    "findutils",
    "grep",
    "make",
    "mawk",
    "sed",
];

/// Where sources lie, in the root.
const SOURCES: &str = "sources";

/// Ends with the process that it is given to, and with it its mounts.
const ENTER: &str = "mount --rbind /dev \"$0/dev\" && mount --rbind /proc \"$0/proc\" && \
                     exec chroot \"$0\" \"$@\"";

pub struct BuildRoot {
    directory: PathBuf,
    /// Of the kernel. The root's programs run on this machine.
    architecture: Architecture,
}

impl BuildRoot {
    /// One that is there.
    pub fn at(directory: &Path, architecture: Architecture) -> Self {
        Self {
            directory: directory.to_owned(),
            architecture,
        }
    }

    /// Fills `directory` with the headers of `suite` and the programs of `tools`, which is the
    /// same suite for this machine.
    pub fn unpack(suite: &Suite, tools: &Suite, directory: &Path) -> Result<()> {
        // Its links of directories, such as /bin, have to be there before what lies in them.
        tools.unpack(&["base-files".to_owned()], directory)?;
        let headers = headers(suite)?;
        tools.unpack(&needed(suite, tools, &headers)?, directory)?;
        suite.unpack(&[headers], directory)?;
        // What the packages' scripts would have done.
        symlink("mawk", directory.join("usr/bin/awk"))?;
        Ok(())
    }

    /// Of the kernel.
    pub fn architecture(&self) -> Architecture {
        self.architecture
    }

    /// Makes the modules in `path` below `sources`, and gives them.
    pub fn make(&self, sources: &Path, path: &str) -> Result<Vec<PathBuf>> {
        let copy = self.directory.join(SOURCES);
        fs::remove_dir_all(&copy).ok();
        output(Command::new("cp").arg("-r").arg(sources).arg(&copy))?;

        let mut make = Command::new("unshare");
        if !rustix::process::geteuid().is_root() {
            make.arg("--map-root-user");
        }
        make.args(["--mount", "sh", "-c", ENTER])
            .arg(&self.directory)
            .args(["make", "--silent", "-C"])
            .arg(self.headers()?)
            .arg(format!("M=/{SOURCES}/{path}"))
            .arg("modules")
            .env("LC_ALL", "C")
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        output(&mut make).with_context(|| format!("building the modules of {path}"))?;

        let made = fs::read_dir(copy.join(path))?.map(|entry| Ok(entry?.path()));
        let made = made.collect::<Result<Vec<_>>>()?.into_iter();
        let is_module = |file: &PathBuf| file.extension().is_some_and(|ending| ending == "ko");
        Ok(made.filter(is_module).collect())
    }

    /// The directory to make in, as seen in the root.
    fn headers(&self) -> Result<PathBuf> {
        let ending = format!("-{}", self.architecture.debian());
        for entry in fs::read_dir(self.directory.join("usr/src"))? {
            let name = entry?.file_name();
            let text = name.to_string_lossy();
            if text.starts_with("linux-headers-") && text.ends_with(&ending) {
                return Ok(Path::new("/usr/src").join(name));
            }
        }
        anyhow::bail!("no headers in {}: delete it", self.directory.display())
    }
}

/// The package of the newest kernel's headers.
fn headers(suite: &Suite) -> Result<String> {
    let stands_for_them = format!("linux-headers-{}", suite.architecture().debian());
    let mut found = suite
        .dependencies(std::slice::from_ref(&stands_for_them))?
        .into_iter();
    found
        .find(|name| name.starts_with("linux-headers-"))
        .with_context(|| format!("{stands_for_them} stands for no headers"))
}

/// What the headers need on this machine, and the tools.
fn needed(suite: &Suite, tools: &Suite, headers: &str) -> Result<Vec<String>> {
    // They ask for the kernel itself too, and for what makes it boot.
    let is_needed = |name: &String| {
        let unneeded = ["linux-image-", "linux-base"];
        !unneeded.iter().any(|prefix| name.starts_with(prefix))
    };
    let here = |name: String| {
        let target = suite.architecture();
        if target != tools.architecture() && name.starts_with("gcc-") {
            // That asks for a compiler that runs on such machines.
            format!("{name}-{}", target.triplet())
        } else {
            name
        }
    };
    let needed = suite
        .dependencies(&[headers])?
        .into_iter()
        .filter(is_needed);
    let needed: Vec<String> = needed.map(here).chain(TOOLS.map(str::to_owned)).collect();
    tools.closure(&needed)
}
