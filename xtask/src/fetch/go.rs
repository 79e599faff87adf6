//! Programs in Go, built from nothing but Debian's packages.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::command::output;

/// A directory into which a Go tool chain and the sources of libraries were unpacked. It builds
/// on older releases, too: neither the tool chain nor what it makes here needs the C library.
pub struct Go(PathBuf);

impl Go {
    pub fn at(directory: &Path) -> Self {
        Self(directory.to_owned())
    }

    /// Where the sources of a module are.
    pub fn sources(&self, module: &str) -> PathBuf {
        self.0.join("usr/share/gocode/src").join(module)
    }

    /// Builds the program of the package `name`.
    pub fn build(&self, name: &str, linker_flags: &str, program: &Path) -> Result<()> {
        let tools = self.0.join("usr/lib/go");
        let mut build = Command::new(tools.join("bin/go"));
        build
            .args(["build", "-ldflags", linker_flags, "-o"])
            .arg(program)
            .arg(name)
            .env("GOROOT", tools)
            // Debian's libraries lie where Go looked for them before it had modules.
            .env("GO111MODULE", "off")
            .env("GOPATH", self.0.join("usr/share/gocode"))
            .env("GOCACHE", self.0.join("cache"))
            .env("CGO_ENABLED", "0")
            // What else is set up on this machine is meant for other programs.
            .env("GOENV", "off")
            .env("GOFLAGS", "")
            .env("GOTOOLCHAIN", "local");
        output(&mut build).map(drop)
    }
}
