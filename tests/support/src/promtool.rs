//! What promtool thinks of a page of metrics.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::requirement::skipped;
use crate::tool;

pub struct Promtool(PathBuf);

/// What that of Debian 12 says of native histograms.
const NO_HISTOGRAMS: &str = "unexpected character in series sequence: '{'";

impl Promtool {
    /// By the variable `PROMTOOL` or from the path. None, with a notice, if there is none.
    ///
    /// # Panics
    ///
    /// If there is none and it is required.
    pub fn find() -> Option<Self> {
        tool::find("PROMTOOL", "promtool").map(Self)
    }

    /// Anything that it has to say of the page is an error.
    pub fn check(&self, page: &[u8]) -> Result<()> {
        let mut child = Command::new(&self.0)
            .args(["check", "metrics"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("starting {}", self.0.display()))?;
        // It reads all of the page before it says anything; the pipe closes with its value.
        let mut input = child.stdin.take().context("no pipe to promtool")?;
        input.write_all(page)?;
        drop(input);
        let output = child.wait_with_output()?;
        let said = [output.stdout, output.stderr].concat();
        ensure!(
            output.status.success() && said.is_empty(),
            "promtool ended with {} and said:\n{}",
            output.status,
            String::from_utf8_lossy(&said)
        );
        Ok(())
    }

    /// Files of rules that it does not understand are an error.
    pub fn check_rules(&self, files: &[PathBuf]) -> Result<()> {
        let mut command = Command::new(&self.0);
        self.run(command.args(["check", "rules", "--lint-fatal"]).args(files))
    }

    /// Unit tests of rules that fail are an error.
    pub fn test_rules(&self, file: &Path) -> Result<()> {
        let mut command = Command::new(&self.0);
        let result = self.run(command.args(["test", "rules"]).arg(file));
        match result {
            Err(error) if error.to_string().contains(NO_HISTOGRAMS) => {
                skipped(&format!(
                    "{}: {} knows no native histograms",
                    file.display(),
                    self.0.display()
                ));
                Ok(())
            }
            result => result,
        }
    }

    fn run(&self, command: &mut Command) -> Result<()> {
        let output = command
            .stdin(Stdio::null())
            .output()
            .with_context(|| format!("starting {}", self.0.display()))?;
        let said = [output.stdout, output.stderr].concat();
        ensure!(
            output.status.success(),
            "promtool ended with {} and said:\n{}",
            output.status,
            String::from_utf8_lossy(&said)
        );
        Ok(())
    }
}
