//! Shared libraries built for one test each.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use geophone::discover::library::Wanted;
use tempfile::TempDir;

/// A directory with a library whose name nothing else on the machine has.
pub struct Library {
    directory: TempDir,
    stem: String,
}

impl Library {
    pub fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let library = Self {
            directory: tempfile::tempdir().unwrap(),
            stem: format!("libgeophone-test-{}-{number}.so", std::process::id()),
        };
        build(&library.path(), 1);
        library
    }

    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    pub fn name(&self) -> String {
        format!("{}.1", self.stem)
    }

    pub fn path(&self) -> PathBuf {
        self.directory().join(self.name())
    }

    /// The program that maps it.
    pub fn mapper(&self) -> PathBuf {
        let path = self.directory().join("mapper");
        if !path.exists() {
            compile(include_str!("mapper.c"), &path, &["-pthread"], 1);
        }
        path
    }

    /// What a scanner is told to find it.
    pub fn wanted(&self) -> Vec<Wanted> {
        vec![Wanted {
            name: "test".into(),
            files: vec![format!("{}.*", self.stem).parse().unwrap()],
            places: Vec::new(),
        }]
    }
}

/// Writes such a library, each `version` with a build id of its own.
pub fn build(path: &Path, version: u32) {
    let arguments = ["-shared", "-fPIC", "-Wl,--build-id=sha1"];
    compile(include_str!("library.c"), path, &arguments, version);
}

fn compile(source: &str, to: &Path, arguments: &[&str], version: u32) {
    let file = to.with_extension("c");
    fs::write(
        &file,
        format!("{source}\nint geophone_test_version = {version};\n"),
    )
    .unwrap();
    let output = Command::new("cc")
        .args(arguments)
        .arg("-o")
        .args([to, &file])
        .arg("-ldl")
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    fs::remove_file(file).unwrap();
}
