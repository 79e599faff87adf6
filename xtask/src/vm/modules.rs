//! Kernel modules out of a package, with those they depend on.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use object::{Object, ObjectSection};

use crate::command::output;

/// The modules of one kernel, by name.
pub struct Modules {
    files: BTreeMap<String, PathBuf>,
}

impl Modules {
    /// Finds all modules below `directory`.
    pub fn find(directory: &Path) -> Result<Self> {
        let mut files = BTreeMap::new();
        let mut pending = vec![directory.to_owned()];
        while let Some(directory) = pending.pop() {
            for entry in fs::read_dir(&directory)? {
                let entry = entry?;
                if entry.file_type()?.is_dir() {
                    pending.push(entry.path());
                } else if let Some((name, _)) =
                    entry.file_name().to_string_lossy().split_once(".ko")
                {
                    // A file's name may have dashes where the module's has underscores.
                    files.insert(name.replace('-', "_"), entry.path());
                }
            }
        }
        Ok(Self { files })
    }

    /// The contents of `wanted` and of what they need, in the order to load them. A name
    /// without a file is taken to be built in.
    pub fn collect(&self, wanted: &[&str]) -> Result<Vec<(String, Vec<u8>)>> {
        let mut collected = Vec::new();
        for name in wanted {
            if self.files.contains_key(*name) {
                self.add(name, &mut collected)?;
            }
        }
        Ok(collected)
    }

    fn add(&self, name: &str, collected: &mut Vec<(String, Vec<u8>)>) -> Result<()> {
        if collected.iter().any(|(other, _)| other == name) {
            return Ok(());
        }
        let file = self
            .files
            .get(name)
            .with_context(|| format!("no module {name}"))?;
        let contents = unpacked(file)?;
        for dependency in dependencies(&contents).with_context(|| name.to_owned())? {
            self.add(&dependency, collected)?;
        }
        collected.push((name.to_owned(), contents));
        Ok(())
    }
}

/// The module as the kernel wants it; not every kernel can unpack it by itself.
fn unpacked(file: &Path) -> Result<Vec<u8>> {
    match file.extension().and_then(|extension| extension.to_str()) {
        Some("ko") => Ok(fs::read(file)?),
        Some("xz") => output(
            Command::new("xz")
                .args(["--decompress", "--stdout"])
                .arg(file),
        ),
        Some("zst") => output(
            Command::new("zstd")
                .args(["--decompress", "--stdout"])
                .arg(file),
        ),
        _ => bail!("{}: unknown compression", file.display()),
    }
}

/// The `depends=` entry of section `.modinfo`.
fn dependencies(module: &[u8]) -> Result<Vec<String>> {
    let file = object::File::parse(module)?;
    let section = file
        .section_by_name(".modinfo")
        .context("no section .modinfo")?;
    let text = String::from_utf8_lossy(section.data()?).into_owned();
    let names = text
        .split('\0')
        .find_map(|entry| entry.strip_prefix("depends="));
    let names = names
        .unwrap_or_default()
        .split(',')
        .filter(|name| !name.is_empty());
    Ok(names.map(|name| name.replace('-', "_")).collect())
}
