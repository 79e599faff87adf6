//! Where a guest's programs and their libraries come from.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::apt::Suite;
use crate::architecture::Architecture;
use crate::command::text;

/// Debian's packages of the programs that the loads call, and of what any program needs.
const PACKAGES: [&str; 6] = [
    "iproute2",
    "nftables",
    "dmsetup",
    "util-linux",
    "libc6",
    "libgcc-s1",
];
const PROGRAMS: [&str; 4] = ["usr/sbin", "usr/bin", "sbin", "bin"];

pub enum Userland {
    /// This machine's own.
    Host,
    /// Of another architecture, in a root directory of its own.
    Unpacked {
        root: PathBuf,
        architecture: Architecture,
    },
}

/// Files for the guest, by their path in it.
pub type Files = BTreeMap<String, PathBuf>;

impl Userland {
    /// Fills `root` from the packages of `suite`.
    pub fn unpack(suite: &Suite, root: &Path) -> Result<()> {
        // Its links of directories, such as /lib, have to be there before what lies in them.
        suite.unpack(&["base-files".to_owned()], root)?;
        let packages = suite.closure(&PACKAGES.map(str::to_owned))?;
        suite.unpack(&packages, root)
    }

    /// A program that the loads call.
    pub fn program(&self, name: &str) -> Result<PathBuf> {
        let root = match self {
            Self::Host => Path::new("/"),
            Self::Unpacked { root, .. } => root,
        };
        let files = PROGRAMS.map(|directory| root.join(directory).join(name));
        let file = files.into_iter().find(|file| file.exists());
        file.with_context(|| match self {
            Self::Host => format!("{name}: install iproute2, nftables, dmsetup and util-linux"),
            Self::Unpacked { root, .. } => format!("no {name} in {}: delete it", root.display()),
        })
    }

    /// The libraries and the loader that `program` asks for; none if it is linked statically.
    pub fn libraries(&self, program: &Path) -> Result<Files> {
        match self {
            Self::Host => Ok(listed(program)),
            Self::Unpacked { root, architecture } => needed(program, root, *architecture),
        }
    }
}

/// What this machine's loader finds.
fn listed(program: &Path) -> Files {
    let said = text(Command::new("ldd").arg(program)).unwrap_or_default();
    let path = |line: &str| {
        line.split_whitespace()
            .find(|word| word.starts_with('/'))
            .map(|path| (path.to_owned(), PathBuf::from(path)))
    };
    said.lines().filter_map(path).collect()
}

/// What a loader would find in `root`, which this machine's cannot be asked for.
fn needed(program: &Path, root: &Path, architecture: Architecture) -> Result<Files> {
    let places = [
        format!("usr/lib/{}", architecture.triplet()),
        "usr/lib".to_owned(),
    ];
    let mut found = Files::new();
    let mut seen = BTreeSet::new();
    let mut pending = vec![program.to_owned()];
    while let Some(file) = pending.pop() {
        for asked in asked_for(&file)? {
            if !seen.insert(asked.clone()) {
                continue;
            }
            let name = Path::new(&asked)
                .file_name()
                .context("a path without a name")?;
            let files = places
                .iter()
                .map(|place| (place, root.join(place).join(name)));
            let (place, here) = files
                .into_iter()
                .find(|(_, file)| fs::metadata(file).is_ok())
                .with_context(|| format!("no {asked}, for {}", file.display()))?;
            // The loader is looked for where the program says.
            let there = if asked.starts_with('/') {
                asked
            } else {
                format!("/{place}/{asked}")
            };
            pending.push(here.clone());
            found.insert(there, here);
        }
    }
    Ok(found)
}

/// The names of the libraries and the path of the loader that a file asks for.
fn asked_for(file: &Path) -> Result<Vec<String>> {
    let mut readelf = Command::new("readelf");
    let said = text(
        readelf
            .args(["--wide", "--dynamic", "--program-headers"])
            .arg(file),
    )?;
    let asked = said.lines().filter_map(|line| {
        let (_, rest) = line
            .split_once("Shared library: [")
            .or_else(|| line.split_once("Requesting program interpreter: "))?;
        Some(rest.split(']').next()?.to_owned())
    });
    Ok(asked.collect())
}
