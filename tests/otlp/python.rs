use std::path::PathBuf;
use std::process::Command;

use geophone_test_support::requirement::Requirement;

/// Where the scripts are.
const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/otlp/python");

/// Runs the scripts of this directory.
#[derive(Debug, Clone)]
pub struct Python(PathBuf);

impl Python {
    /// None where there is none, which is said loudly: the test must return.
    pub fn find() -> Option<Self> {
        let Some(python) = std::env::var_os("OTLP_PYTHON").filter(|path| !path.is_empty()) else {
            let remedy = "OTLP_PYTHON=$(cargo xtask fetch otlp-python)";
            Requirement::Otlp.skip(&format!(
                "no Python with OpenTelemetry's messages: {remedy}"
            ));
            return None;
        };
        Some(Self(python.into()))
    }

    pub fn script(&self, name: &str) -> Command {
        let mut command = Command::new(&self.0);
        command.arg(format!("{SCRIPTS}/{name}"));
        command
    }

    /// Runs a script that must succeed.
    #[track_caller]
    pub fn run(
        &self,
        name: &str,
        arguments: impl IntoIterator<Item = impl AsRef<std::ffi::OsStr>>,
    ) {
        let output = self.script(name).args(arguments).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{name}: {said}{error}");
    }
}
