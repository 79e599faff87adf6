//! Libraries without a GPU, and a process that calls their functions as it is told to.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::replica::{CC, compile_by};

/// A library that there is a stub of.
#[derive(Debug, Clone, Copy)]
pub enum Library {
    Cudart,
    Hip,
    Nccl,
}

impl Library {
    pub const ALL: [Self; 3] = [Self::Cudart, Self::Hip, Self::Nccl];

    /// The module that watches it.
    pub fn module(self) -> &'static str {
        match self {
            Self::Cudart => "cudart",
            Self::Hip => "hip",
            Self::Nccl => "nccl",
        }
    }

    /// Its file, its source's name and its source.
    fn source(self) -> [&'static str; 3] {
        match self {
            Self::Cudart => ["libcudart.so.12", "cudart.c", include_str!("cudart.c")],
            Self::Hip => ["libamdhip64.so.6", "hip.c", include_str!("hip.c")],
            Self::Nccl => ["libnccl.so.2", "nccl.c", include_str!("nccl.c")],
        }
    }
}

/// The library and the caller, compiled.
pub struct Stub {
    directory: PathBuf,
    file: &'static str,
    /// Gone when dropped.
    _own: Option<TempDir>,
}

impl Stub {
    pub fn build(library: Library) -> Result<Self> {
        let own = TempDir::new()?;
        let stub = Self::build_in(own.path(), library, CC)?;
        Ok(Self {
            _own: Some(own),
            ..stub
        })
    }

    /// Where a directory holds them already.
    pub fn at(directory: &Path, library: Library) -> Self {
        let [file, ..] = library.source();
        Self {
            directory: directory.to_owned(),
            file,
            _own: None,
        }
    }

    /// To be kept in a directory, by a C compiler.
    pub fn build_in(directory: &Path, library: Library, compiler: &str) -> Result<Self> {
        let [file, name, source] = library.source();
        let stub = Self::at(directory, library);
        for (name, text) in [
            (name, source),
            ("memory.h", include_str!("memory.h")),
            ("hip.map", include_str!("hip.map")),
            ("caller.c", include_str!("caller.c")),
        ] {
            fs::write(stub.path(name), text)?;
        }
        let soname = format!("-Wl,-soname,{file}");
        let versions = format!("-Wl,--version-script={}", stub.path("hip.map").display());
        let mut flags = vec!["-shared", "-fPIC", "-Wl,--build-id=sha1", &soname];
        // What they make of another function they call, as the real ones do, and do not jump to.
        flags.push("-fno-optimize-sibling-calls");
        if matches!(library, Library::Hip) {
            flags.push(&versions);
        }
        compile_by(compiler, &stub.path(name), &stub.path(file), &flags)?;
        compile_by(compiler, &stub.path("caller.c"), &stub.caller(), &["-ldl"])?;
        Ok(stub)
    }

    pub fn library(&self) -> PathBuf {
        self.path(self.file)
    }

    pub fn caller(&self) -> PathBuf {
        self.path(Caller::COMMAND)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Starts a process that has the library, and those before it.
    pub fn start(&self, before: &[&Path]) -> Result<Caller> {
        let library = self.library();
        self.start_with(&[before, &[&library]].concat())
    }

    /// Starts a process that has these libraries.
    pub fn start_with(&self, libraries: &[&Path]) -> Result<Caller> {
        let mut child = Command::new(self.caller())
            .args(libraries)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let told = child.stdin.take().context("no pipe to it")?;
        let answers = BufReader::new(child.stdout.take().context("no pipe from it")?);
        Ok(Caller {
            child,
            told,
            answers,
        })
    }
}

/// Ends when dropped.
pub struct Caller {
    child: Child,
    told: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Caller {
    /// Of its command, which is the workload's name outside a control group.
    pub const COMMAND: &str = "geophone-stub";

    /// Arguments that stand for addresses: where an allocation leaves its own, that of the
    /// latest that is not freed, and, as the second, where the pitch of rows goes.
    pub const NEW: i64 = -2;
    pub const LATEST: i64 = -3;
    pub const PITCH: i64 = -4;

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Calls a function so many times, with the arguments and zeroes after them; gives the sum
    /// of what it returned.
    pub fn call(&mut self, function: &str, calls: u64, arguments: &[i64]) -> Result<i64> {
        write!(self.told, "{function} {calls}")?;
        for index in 0..6 {
            let argument = arguments.get(index).copied().unwrap_or(0);
            write!(self.told, " {argument}")?;
        }
        writeln!(self.told)?;
        self.answer(function)
    }

    /// Opens a library.
    pub fn open(&mut self, library: &Path) -> Result<()> {
        writeln!(self.told, "OPEN {}", library.display())?;
        self.answer("OPEN").map(drop)
    }

    fn answer(&mut self, told: &str) -> Result<i64> {
        self.told.flush()?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer)?;
        let answer = answer.trim();
        answer
            .parse()
            .with_context(|| format!("{told}: the caller said {answer:?}"))
    }
}

impl Drop for Caller {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
