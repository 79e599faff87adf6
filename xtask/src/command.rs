//! Running other programs.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

/// Begin the names of the variables that cargo sets for a program that it runs, which this is.
const OF_THIS_RUN: [&[u8]; 2] = [b"CARGO_MANIFEST_", b"CARGO_PKG_"];

/// cargo, as from a shell: ring's build script runs again, and all that depends on it is built
/// again, whenever one of those variables is not what it was.
pub fn cargo() -> Command {
    let mut command = Command::new(env!("CARGO"));
    for (name, _) in std::env::vars_os() {
        let bytes = name.as_encoded_bytes();
        if OF_THIS_RUN.iter().any(|prefix| bytes.starts_with(prefix)) {
            command.env_remove(name);
        }
    }
    command
}

/// Runs `command`; what it says is shown only if it fails. Gives its standard output.
pub fn output(command: &mut Command) -> Result<Vec<u8>> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("{name} cannot be started: is it installed?"))?;
    // Some, such as patch, say what failed where others put their result.
    let said = [&output.stdout, &output.stderr].map(|said| String::from_utf8_lossy(said));
    ensure!(
        output.status.success(),
        "{command:?}: {}\n{}",
        output.status,
        said.concat().trim()
    );
    Ok(output.stdout)
}

/// As [`output`], for text.
pub fn text(command: &mut Command) -> Result<String> {
    Ok(String::from_utf8(output(command)?)?)
}
