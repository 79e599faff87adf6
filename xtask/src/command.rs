//! Running other programs.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

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
