use std::path::PathBuf;
use std::process::Command;

/// Major and minor version of a program of Prometheus.
pub fn of(program: &PathBuf) -> (u32, u32) {
    let output = Command::new(program).arg("--version").output().unwrap();
    // Older ones say it on the standard error.
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8(said).unwrap();
    let number = said
        .split_whitespace()
        .skip_while(|word| *word != "version")
        .nth(1)
        .unwrap();
    let mut parts = number.split('.').map(|part| part.parse().unwrap());
    (parts.next().unwrap(), parts.next().unwrap())
}
