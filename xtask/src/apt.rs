//! Packages of any Debian suite, without touching what this machine has set up.
//!
//! apt works on a sources list, package lists and a cache of its own. The mirror and the
//! keys are those that the machine's apt uses for Debian itself.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::architecture::Architecture;
use crate::command::{output, text};

const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// One suite of the Debian archive, for one architecture, whatever this machine's is.
pub struct Suite {
    name: String,
    architecture: Architecture,
    directory: PathBuf,
}

impl Suite {
    /// Reads the package lists of suite `name`, keeping them below `directory`.
    pub fn open(name: &str, architecture: Architecture, directory: &Path) -> Result<Self> {
        Self::read(name, architecture, directory, &["deb"])
    }

    /// As [`Self::open`] for this machine, with the lists of source packages, which are as long
    /// again.
    pub fn open_with_sources(name: &str, directory: &Path) -> Result<Self> {
        Self::read(name, Architecture::Amd64, directory, &["deb", "deb-src"])
    }

    fn read(
        name: &str,
        architecture: Architecture,
        directory: &Path,
        kinds: &[&str],
    ) -> Result<Self> {
        let suite = Self {
            name: name.to_owned(),
            architecture,
            directory: directory.to_owned(),
        };
        for needed in ["lists/partial", "cache/archives/partial", "packages"] {
            fs::create_dir_all(directory.join(needed))?;
        }
        let mirror = mirror(name)?;
        let sources = kinds.iter();
        let sources =
            sources.map(|kind| format!("{kind} [signed-by={KEYRING}] {mirror} {name} main\n"));
        fs::write(directory.join("sources.list"), sources.collect::<String>())?;
        fs::write(directory.join("installed"), "")?;
        retry(|| output(suite.tool("apt-get").args(["update", "--quiet"])).map(drop))
            .with_context(|| format!("reading the package lists of {name}"))?;
        Ok(suite)
    }

    pub fn architecture(&self) -> Architecture {
        self.architecture
    }

    /// Names that `packages` depend on.
    pub fn dependencies(&self, packages: &[impl AsRef<OsStr>]) -> Result<Vec<String>> {
        let said = text(self.tool("apt-cache").arg("depends").args(packages))?;
        let names = said.lines().filter_map(|line| {
            let (kind, name) = line.trim_start_matches([' ', '|']).split_once(": ")?;
            (kind == "Depends").then(|| name.to_owned())
        });
        Ok(names.collect())
    }

    /// `packages` and all that they need on a machine that has nothing.
    pub fn closure(&self, packages: &[String]) -> Result<Vec<String>> {
        let mut simulation = self.tool("apt-get");
        simulation
            .args(["install", "--simulate", "--no-install-recommends"])
            .args(packages);
        let said = text(&mut simulation)?;
        let names = said.lines().filter_map(|line| {
            let (name, _) = line.strip_prefix("Inst ")?.split_once(' ')?;
            Some(name.to_owned())
        });
        Ok(names.collect())
    }

    /// Downloads `packages` and unpacks them into `destination`.
    pub fn unpack(&self, packages: &[String], destination: &Path) -> Result<()> {
        let directory = self.directory.join("packages");
        // What an interrupted download left would be unpacked, too.
        fs::remove_dir_all(&directory)?;
        fs::create_dir(&directory)?;
        let mut download = self.tool("apt-get");
        download
            .current_dir(&directory)
            .args(["download", "--quiet"])
            .args(packages);
        retry(|| output(&mut download).map(drop))
            .with_context(|| format!("downloading packages of {}", self.name))?;
        for entry in fs::read_dir(&directory)? {
            let file = entry?.path();
            output(
                Command::new("dpkg-deb")
                    .arg("--extract")
                    .arg(&file)
                    .arg(destination),
            )?;
            fs::remove_file(file)?;
        }
        Ok(())
    }

    /// Downloads what the source package `name` was released as, before Debian changed it, into
    /// the new `directory`, and gives the file.
    pub fn release(&self, name: &str, directory: &Path) -> Result<PathBuf> {
        fs::create_dir(directory)?;
        let mut download = self.tool("apt-get");
        download.current_dir(directory).args([
            "source",
            "--quiet",
            "--download-only",
            "--tar-only",
            name,
        ]);
        retry(|| output(&mut download).map(drop))
            .with_context(|| format!("downloading the source of {name} of {}", self.name))?;
        let mut files = fs::read_dir(directory)?;
        let file = files.next().context("apt-get downloaded nothing")?;
        Ok(file?.path())
    }

    fn tool(&self, name: &str) -> Command {
        let mut command = Command::new(name);
        let option = |key: &str, value: &Path| format!("{key}={}", value.display());
        let options = [
            option("Dir::Etc::sourcelist", &self.directory.join("sources.list")),
            option("Dir::Etc::sourceparts", Path::new("/dev/null")),
            option("Dir::State::Lists", &self.directory.join("lists")),
            // Of a package that this machine has, its version would be preferred.
            option("Dir::State::status", &self.directory.join("installed")),
            option("Dir::Cache", &self.directory.join("cache")),
            format!("APT::Architecture={}", self.architecture.debian()),
            format!("APT::Architectures={}", self.architecture.debian()),
            "Acquire::Languages=none".to_owned(),
            "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false".to_owned(),
            // Root's files need not be readable by the user that apt downloads as.
            "APT::Sandbox::User=root".to_owned(),
        ];
        for option in options {
            command.args(["-o", &option]);
        }
        command
    }
}

/// Where this machine gets Debian itself from, or its security updates.
fn mirror(suite: &str) -> Result<String> {
    let origin = if suite.ends_with("-security") {
        "Debian|Debian-Security|"
    } else {
        "Debian|Debian|"
    };
    let mut query = Command::new("apt-get");
    query.args(["indextargets", "--format", "$(ORIGIN)|$(LABEL)|$(REPO_URI)"]);
    let targets = text(query.arg("Created-By: Packages"))?;
    let mirror = targets.lines().find_map(|line| line.strip_prefix(origin));
    let mirror = mirror.with_context(|| {
        format!("this machine's apt knows no Debian mirror with {suite}: run apt-get update")
    })?;
    ensure!(
        Path::new(KEYRING).exists(),
        "{KEYRING} is missing: install debian-archive-keyring"
    );
    Ok(mirror.to_owned())
}

/// The network may fail once.
fn retry(mut step: impl FnMut() -> Result<()>) -> Result<()> {
    step().or_else(|_| step())
}
