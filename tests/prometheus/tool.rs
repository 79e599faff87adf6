use std::env;
use std::path::PathBuf;
use std::process::Command;

/// A program to test with: from the environment, or from the path. None, with a notice, if
/// there is none.
pub fn find(variable: &str, name: &str) -> Option<PathBuf> {
    let named = env::var_os(variable).map(PathBuf::from);
    let path = env::var_os("PATH").unwrap_or_default();
    let on_path = || {
        env::split_paths(&path)
            .map(|dir| dir.join(name))
            .find(|file| file.is_file())
    };
    let found = named.or_else(on_path);
    if found.is_none() {
        let notice = format!("SKIPPED: there is no {name} on the path; set {variable} to one");
        assert_ne!(
            env::var("GEOPHONE_REQUIRE_PROMETHEUS").as_deref(),
            Ok("1"),
            "{notice}"
        );
        eprintln!("{notice}");
    }
    found
}

/// Major and minor version of a Prometheus program.
pub fn version(program: &PathBuf) -> (u32, u32) {
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
