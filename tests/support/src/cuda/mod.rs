//! A CUDA driver without a GPU, and an application that calls what it is told to.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::replica::{CC, compile_by};

/// The library and the application, compiled.
pub struct Driver {
    directory: PathBuf,
    /// Gone when dropped.
    _own: Option<TempDir>,
}

impl Driver {
    pub fn build() -> Result<Self> {
        let own = TempDir::new()?;
        let driver = Self::build_in(own.path(), CC)?;
        Ok(Self {
            _own: Some(own),
            ..driver
        })
    }

    /// Where a directory holds them already.
    pub fn at(directory: &Path) -> Self {
        Self {
            directory: directory.to_owned(),
            _own: None,
        }
    }

    /// To be kept in a directory, by a C compiler.
    pub fn build_in(directory: &Path, compiler: &str) -> Result<Self> {
        let driver = Self::at(directory);
        let compile = |name, source: &str, output: &Path, flags: &[&str]| {
            let file = driver.path(name);
            fs::write(&file, source)?;
            compile_by(compiler, &file, output, flags)
        };
        let library = driver.library();
        let flags = [
            "-shared",
            "-fPIC",
            "-Wl,-soname,libcuda.so.1",
            "-Wl,--build-id=sha1",
        ];
        compile("library.c", include_str!("library.c"), &library, &flags)?;
        let path = library.to_str().context("a path that is no text")?;
        let flags = ["-pthread", path, "-Wl,-rpath,$ORIGIN"];
        let application = driver.application();
        compile(
            "application.c",
            include_str!("application.c"),
            &application,
            &flags,
        )?;
        Ok(driver)
    }

    pub fn library(&self) -> PathBuf {
        self.path("libcuda.so.1")
    }

    pub fn application(&self) -> PathBuf {
        self.path(Application::COMMAND)
    }

    /// Starts the application, which has mapped the library when it first answers.
    pub fn start(&self) -> Result<Application> {
        let mut child = Command::new(self.application())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let told = child.stdin.take().context("no pipe to it")?;
        let answers = BufReader::new(child.stdout.take().context("no pipe from it")?);
        Ok(Application {
            child,
            told,
            answers,
        })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }
}

/// Ends when dropped.
pub struct Application {
    child: Child,
    told: ChildStdin,
    answers: BufReader<ChildStdout>,
}

/// How the application comes by a function.
#[derive(Debug, Clone, Copy)]
pub enum Way {
    /// It is linked to it.
    Plt,
    Dlsym,
    /// `cuGetProcAddress`
    Driver,
}

/// Calls to make, from several threads so many each.
#[derive(Debug, Clone, Copy)]
pub struct Calls {
    pub way: Way,
    pub function: &'static str,
    pub threads: u32,
    pub calls: u64,
    pub arguments: [i64; 3],
}

impl Application {
    /// Of its command, which is the workload's name outside a control group.
    pub const COMMAND: &str = "geophone-cuda";

    /// Arguments that stand for addresses: where an allocation leaves its own, that of the
    /// thread's latest that is not freed, and, as the second, where the pitch of rows goes.
    pub const NEW: i64 = -2;
    pub const LATEST: i64 = -3;
    pub const PITCH: i64 = -4;
    /// How many rows an allocation of rows has.
    pub const ROWS: u64 = 3;

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Makes the calls; gives the sum of what they returned.
    pub fn call(&mut self, calls: &Calls) -> Result<i64> {
        self.tell(calls)?;
        self.answer()
    }

    /// Has the calls made. [`Self::answer`] waits for their end.
    pub fn tell(&mut self, calls: &Calls) -> Result<()> {
        let Calls {
            way,
            function,
            threads,
            calls,
            arguments: [a, b, c],
        } = calls;
        let way = match way {
            Way::Plt => "plt",
            Way::Dlsym => "dlsym",
            Way::Driver => "driver",
        };
        writeln!(self.told, "{way} {function} {threads} {calls} {a} {b} {c}")?;
        Ok(self.told.flush()?)
    }

    pub fn answer(&mut self) -> Result<i64> {
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        line.trim()
            .parse()
            .with_context(|| format!("the application said {line:?}"))
    }
}

impl Drop for Application {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
